import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** Options of a browser, as far as an authenticator looks at them. */
type Options = { challenge: string; rp?: { id?: string }; rpId?: string; user?: { id: string } };

export type Answers = {
  /** Where the page is that asks. */
  origin?: string;
  /** Whether somebody touched it, and showed who they are. */
  isVerified?: boolean;
  counter?: number;
  rpId?: string;
};

/** One value in CBOR (RFC 8949): what WebAuthn needs of it. */
function cbor(value: number | string | Buffer | Map<number | string, unknown>): Buffer {
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  const entries = [...value].flatMap(([key, item]) => [cbor(key), cbor(item as Parameters<typeof cbor>[0])]);
  return Buffer.concat([head(5, value.size), ...entries]);
}

function head(major: number, length: number): Buffer {
  if (length < 24) return Buffer.of((major << 5) | length);
  if (length < 256) return Buffer.of((major << 5) | 24, length);
  return Buffer.of((major << 5) | 25, length >> 8, length & 0xff);
}

/** An authenticator in software with one ES256 key, and the browser in front of it. */
export class SoftwareAuthenticator {
  readonly credentialId = randomBytes(32);
  readonly #key: { privateKey: KeyObject; publicKey: KeyObject } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  #userHandle = '';
  #counter = 0;

  /** What `navigator.credentials.create()` gives. */
  create(options: Options, answers: Answers = {}) {
    this.#userHandle = options.user?.id ?? '';
    const { x = '', y = '' } = this.#key.publicKey.export({ format: 'jwk' });
    const publicKey = cbor(
      new Map<number, unknown>([
        [1, 2],
        [3, -7],
        [-1, 1],
        [-2, Buffer.from(x, 'base64url')],
        [-3, Buffer.from(y, 'base64url')],
      ]),
    );
    const credential = Buffer.concat([Buffer.alloc(16), Buffer.of(0, this.credentialId.length), this.credentialId]);
    const rpId = answers.rpId ?? options.rp?.id ?? '';
    const data = Buffer.concat([this.#authenticatorData(rpId, 0x40, answers), credential, publicKey]);
    const attestation = new Map<string, unknown>([
      ['fmt', 'none'],
      ['attStmt', new Map()],
      ['authData', data],
    ]);
    return this.#answer({
      clientDataJSON: clientData('webauthn.create', options, answers),
      attestationObject: cbor(attestation).toString('base64url'),
      transports: ['internal'],
    });
  }

  /** What `navigator.credentials.get()` gives. */
  get(options: Options, answers: Answers = {}) {
    const data = this.#authenticatorData(answers.rpId ?? options.rpId ?? '', 0, answers);
    const client = clientData('webauthn.get', options, answers);
    const signed = Buffer.concat([data, createHash('sha256').update(Buffer.from(client, 'base64url')).digest()]);
    return this.#answer({
      clientDataJSON: client,
      authenticatorData: data.toString('base64url'),
      signature: sign('sha256', signed, this.#key.privateKey).toString('base64url'),
      userHandle: this.#userHandle,
    });
  }

  #authenticatorData(rpId: string, flags: number, { isVerified = true, counter }: Answers): Buffer {
    this.#counter = counter ?? this.#counter + 1;
    const count = Buffer.alloc(4);
    count.writeUInt32BE(this.#counter);
    return Buffer.concat([
      createHash('sha256').update(rpId).digest(),
      Buffer.of(flags | 0x01 | (isVerified ? 0x04 : 0)),
      count,
    ]);
  }

  #answer<Response extends object>(response: Response) {
    const id = this.credentialId.toString('base64url');
    return { id, rawId: id, type: 'public-key' as const, response, clientExtensionResults: {} };
  }
}

const clientData = (type: string, { challenge }: Options, { origin = 'https://assay.example.test' }: Answers): string =>
  Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false })).toString('base64url');
