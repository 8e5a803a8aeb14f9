import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { type JWTHeaderParameters, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { AccessTokens } from './access-tokens.ts';
import type { KeySource } from './signing-keys.ts';

const pair = () => ({ id: 'key-1', ...generateKeyPairSync('ed25519') });
const key = pair();
/** Keys that a process has; there is one. */
const keys: KeySource = {
  signer: () => key,
  verifier: async (id) => (id === key.id ? key.publicKey : null),
};
const tokens = new AccessTokens(keys, null);
const claims = { userId: 'user', orgId: 'organization', loginId: 'login' };

/** A token like ours in all but what the test changes. */
const forge = (
  changes: {
    header?: Partial<JWTHeaderParameters>;
    payload?: Record<string, unknown>;
    signedBy?: ReturnType<typeof pair>;
  } = {},
): Promise<string> =>
  new SignJWT({
    org: claims.orgId,
    sid: claims.loginId,
    sub: claims.userId,
    iss: 'assay',
    aud: 'assay',
    exp: Math.floor(Date.now() / 1000) + 900,
    ...changes.payload,
  })
    .setProtectedHeader({ alg: 'EdDSA', kid: key.id, typ: 'at+jwt', ...changes.header })
    .sign((changes.signedBy ?? key).privateKey);

/** A moment, so many seconds from now. */
const seconds = (from: number): number => Math.floor(Date.now() / 1000) + from;

const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url');
/** Rightly signed, with a header that no library of ours would write. */
const withHeader = (header: Record<string, unknown>): string => {
  const payload = {
    org: 'o',
    sid: 's',
    sub: 'u',
    iss: 'assay',
    aud: 'assay',
    exp: Math.floor(Date.now() / 1000) + 900,
  };
  const head = `${encode({ alg: 'EdDSA', kid: key.id, typ: 'at+jwt', ...header })}.${encode(payload)}`;
  return `${head}.${sign(null, Buffer.from(head), key.privateKey).toString('base64url')}`;
};

const invalid = { kind: 'unauthenticated', code: 'credential.invalid' };

describe('an access token', () => {
  test('says who, where and from which login, for fifteen minutes', async () => {
    const token = await tokens.sign(claims);
    expect(await tokens.verify(token)).toEqual(claims);
    const [header, payload] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
    expect(JSON.parse(String(header))).toEqual({ alg: 'EdDSA', kid: 'key-1', typ: 'at+jwt' });
    const { iat, exp, jti } = JSON.parse(String(payload));
    expect(exp - iat).toBe(900);
    expect(jti).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('of a person in no organization says so', async () => {
    expect(await tokens.verify(await tokens.sign({ ...claims, orgId: null }))).toEqual({ ...claims, orgId: null });
  });

  test('is another each time', async () => {
    expect(await tokens.sign(claims)).not.toBe(await tokens.sign(claims));
  });

  test('made like ours is taken: the forgeries below fail for what they change', async () => {
    expect(await tokens.verify(await forge())).toEqual(claims);
    expect(await tokens.verify(withHeader({}))).toEqual({ userId: 'u', orgId: 'o', loginId: 's' });
  });

  test.each([
    ['signed by another key', () => forge({ signedBy: pair() })],
    ['of another issuer', () => forge({ payload: { iss: 'elsewhere' } })],
    ['of no issuer', () => forge({ payload: { iss: undefined } })],
    ['for another audience', () => forge({ payload: { aud: 'elsewhere' } })],
    ['of another type', () => forge({ header: { typ: 'JWT' } })],
    ['of no type', () => forge({ header: { typ: undefined as never } })],
    ['of another key than it names', () => forge({ header: { kid: 'key-2' } })],
    ['that names no key', () => forge({ header: { kid: undefined as never } })],
    ['that is not yet valid', () => forge({ payload: { nbf: seconds(90) } })],
    ['from the future', () => forge({ payload: { iat: seconds(90) } })],
    ['whose end is no number', () => forge({ payload: { exp: 'tomorrow' } })],
    ['without an end', () => forge({ payload: { exp: undefined } })],
    ['without a person', () => forge({ payload: { sub: undefined } })],
    ['without a login', () => forge({ payload: { sid: undefined } })],
    ['with a critical header that we do not know', async () => withHeader({ crit: ['x'], x: 1 })],
  ])('%s is refused', async (_name, make) => {
    await expect(tokens.verify(await make())).rejects.toMatchObject(invalid);
  });

  test('that has expired is refused as such, to the second', async () => {
    for (const ago of [1, 30, 90]) {
      const expired = await forge({ payload: { exp: seconds(-ago) } });
      const refusal = { kind: 'unauthenticated', code: 'credential.expired' };
      await expect(tokens.verify(expired), `${ago} s`).rejects.toMatchObject(refusal);
    }
  });

  test('of a process whose clock is up to a minute ahead is taken', async () => {
    expect(await tokens.verify(await forge({ payload: { iat: seconds(50), nbf: seconds(50) } }))).toEqual(claims);
  });

  test('signed by RSA is refused, also when the key it names is of RSA', async () => {
    const rsa = { id: 'key-1', ...generateKeyPairSync('rsa', { modulusLength: 2048 }) };
    for (const alg of ['RS256', 'PS256']) {
      const token = await forge({ header: { alg }, signedBy: rsa });
      await expect(tokens.verify(token), alg).rejects.toMatchObject(invalid);
      const trusting = new AccessTokens({ signer: () => rsa, verifier: async () => rsa.publicKey }, null);
      await expect(trusting.verify(token), alg).rejects.toMatchObject(invalid);
    }
  });

  test('is issued by the public address where there is one, and by nobody else', async () => {
    const named = new AccessTokens(keys, 'https://assay.example.com');
    const token = await named.sign(claims);
    expect(await named.verify(token)).toEqual(claims);
    await expect(tokens.verify(token)).rejects.toMatchObject(invalid);
    await expect(named.verify(await tokens.sign(claims))).rejects.toMatchObject(invalid);
  });

  test('without a signature is refused', async () => {
    const [, payload] = (await tokens.sign(claims)).split('.');
    for (const alg of ['none', 'None', 'NONE', 'EdDSA']) {
      const unsigned = `${encode({ alg, kid: key.id, typ: 'at+jwt' })}.${payload}.`;
      await expect(tokens.verify(unsigned), alg).rejects.toMatchObject(invalid);
    }
  });

  test('signed with our public key as if it were a shared secret is refused', async () => {
    const [, payload] = (await tokens.sign(claims)).split('.');
    const head = `${encode({ alg: 'HS256', kid: key.id, typ: 'at+jwt' })}.${payload}`;
    for (const format of ['der', 'pem'] as const) {
      const secret = key.publicKey.export({ format, type: 'spki' } as { format: 'pem'; type: 'spki' });
      const signature = createHmac('sha256', secret).update(head).digest('base64url');
      await expect(tokens.verify(`${head}.${signature}`)).rejects.toMatchObject(invalid);
    }
  });

  test('with any one character of it changed is refused', async () => {
    const token = await tokens.sign(claims);
    for (let place = 0; place < token.length; place++) {
      const typed = token[place] === 'A' ? 'B' : 'A';
      const altered = token.slice(0, place) + typed + token.slice(place + 1);
      // The last character of a part may carry bits that no byte is made of.
      if (sameBytes(token, altered)) continue;
      await expect(tokens.verify(altered), `character ${place}`).rejects.toMatchObject(invalid);
    }
  });

  test.each(['', 'a', 'a.b', 'a.b.c', '..', 'null', '{}', 'x'.repeat(100_000)])(
    'that is %s is refused',
    async (text) => {
      await expect(tokens.verify(text)).rejects.toMatchObject(invalid);
    },
  );
});

function sameBytes(one: string, other: string): boolean {
  const bytes = (token: string): string =>
    token
      .split('.')
      .map((part) => Buffer.from(part, 'base64url').toString('hex'))
      .join('.');
  return bytes(one) === bytes(other);
}
