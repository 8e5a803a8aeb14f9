import { createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto';
import { newId } from '../../../kernel/ids.ts';
import type { MasterKey } from '../../../platform/crypto/master-key.ts';
import { open, seal } from '../../../platform/crypto/sealed.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { DEVICE_TOKEN_SECONDS } from '../login/model.ts';
import * as store from './store.ts';

const PURPOSE = 'access_token';

/**
 * For how long a retired key verifies: the longest life of a token, and the time that another process may go on
 * signing with it before it has heard.
 */
const VERIFIES_SECONDS = DEVICE_TOKEN_SECONDS + 600;

/** An unknown key id is looked for in the database at most this often: anybody can make one up. */
const LOOK_AGAIN_MS = 1_000;

/** The half of a signing key that is shown to everybody (RFC 7517). */
export type PublicJwk = Record<string, unknown>;

export type SigningKeyView = {
  id: string;
  createdAt: Date;
  retiredAt: Date | null;
  verifiesUntil: Date | null;
};

/** What access tokens are signed with, and what verifies them. */
export type KeySource = {
  signer(): { id: string; privateKey: KeyObject };
  /** The key of this id, if it verifies now. */
  verifier(id: string): Promise<KeyObject | null>;
};

type Ring = {
  active: { id: string; privateKey: KeyObject };
  public: ReadonlyMap<string, { key: KeyObject; jwk: PublicJwk; until: number }>;
};

export type SigningKeysOptions = {
  systemTransaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  masterKey: MasterKey;
  /** Whether changes made by other processes reach this one right now; while not, the keys are read again and again. */
  hearsChanges(): boolean;
};

/**
 * The Ed25519 keys of access tokens: one signs, and those before it verify until what they signed has expired. Every
 * process keeps them in memory, reloads them when it is told of a change, and looks again when it meets a key id that
 * it does not know: a token of a process that was quicker is not refused.
 */
export class SigningKeys implements KeySource {
  readonly #options: SigningKeysOptions;
  #ring: Ring;
  #looking: Promise<void> | null = null;
  #lookedAt = 0;

  private constructor(options: SigningKeysOptions, ring: Ring) {
    this.#options = options;
    this.#ring = ring;
  }

  /**
   * Reads the keys, or makes the first one. Two processes that start together end up with the same.
   * @throws Error when the database belongs to another master key, saying what to do
   */
  static async load(options: SigningKeysOptions): Promise<SigningKeys> {
    return new SigningKeys(options, await readRing(options));
  }

  signer(): { id: string; privateKey: KeyObject } {
    return this.#ring.active;
  }

  async verifier(id: string): Promise<KeyObject | null> {
    // A look that is under way may bring the key, or take it away: nothing is judged by what is known to be old.
    if (this.#looking !== null) await this.#looking;
    const mayLook = Date.now() - this.#lookedAt >= LOOK_AGAIN_MS;
    if (mayLook && (!this.#ring.public.has(id) || !this.#options.hearsChanges())) await this.reload();
    return this.#living(id);
  }

  /** Reads the keys again: somebody changed them. */
  async reload(): Promise<void> {
    this.#lookedAt = Date.now();
    const look = readRing(this.#options).then((ring) => {
      this.#ring = ring;
    });
    const settled = look
      .catch(() => {})
      .then(() => {
        if (this.#looking === settled) this.#looking = null;
      });
    this.#looking = settled;
    await look;
  }

  /** The public halves of all keys that verify now, for `/.well-known/jwks.json`. */
  jwks(): { keys: PublicJwk[] } {
    const now = Date.now();
    return { keys: [...this.#ring.public.values()].filter(({ until }) => until > now).map(({ jwk }) => jwk) };
  }

  /**
   * Puts a new key in the place of the one that signs. Of two at once, one does it.
   * @param distrust whether what the old ones signed stops working at once: for a key that got out
   */
  async rotate(tx: Tx, { distrust }: { distrust: boolean }): Promise<void> {
    const [active] = (await store.listLivingKeys(tx, PURPOSE)).filter(({ retiredAt }) => retiredAt === null);
    if (active) await store.retireKey(tx, active, VERIFIES_SECONDS);
    if (distrust) store.distrustRetiredKeys(tx, PURPOSE);
    await store.insertKeyUnlessActive(tx, newKey(this.#options.masterKey));
  }

  /** Replaces the key that signs when it has reached an age; says whether it did. */
  async rotateIfOlder(tx: Tx, days: number): Promise<boolean> {
    await store.deleteDeadKeys(tx, PURPOSE);
    const [active] = (await store.listLivingKeys(tx, PURPOSE)).filter(({ retiredAt }) => retiredAt === null);
    if (!active || Date.now() - active.createdAt.getTime() < days * 86_400_000) return false;
    await this.rotate(tx, { distrust: false });
    return true;
  }

  #living(id: string): KeyObject | null {
    const found = this.#ring.public.get(id);
    return found && found.until > Date.now() ? found.key : null;
  }
}

/** Keys that verify now, as administrators see them. */
export const listSigningKeys = async (tx: Tx): Promise<SigningKeyView[]> =>
  (await store.listLivingKeys(tx, PURPOSE)).map(({ id, createdAt, retiredAt, verifiesUntil }) => ({
    id,
    createdAt,
    retiredAt,
    verifiesUntil,
  }));

async function readRing({ systemTransaction, masterKey }: SigningKeysOptions): Promise<Ring> {
  const keys = await systemTransaction(async (tx) => {
    const found = await store.listLivingKeys(tx, PURPOSE);
    if (found.some(({ retiredAt }) => retiredAt === null)) return found;
    await store.insertKeyUnlessActive(tx, newKey(masterKey));
    return store.listLivingKeys(tx, PURPOSE);
  });
  const active = keys.find(({ retiredAt }) => retiredAt === null);
  if (!active) throw new Error('No signing key could be made.');
  const privateKey = createPrivateKey({ key: unsealed(active, masterKey), format: 'der', type: 'pkcs8' });
  return {
    active: { id: active.id, privateKey },
    public: new Map(
      keys.map(({ id, publicJwk, verifiesUntil }) => [
        id,
        {
          key: createPublicKey({ key: publicJwk as JsonWebKey, format: 'jwk' }),
          jwk: publicJwk,
          until: verifiesUntil?.getTime() ?? Number.POSITIVE_INFINITY,
        },
      ]),
    ),
  };
}

function unsealed({ id, sealedPrivate }: store.StoredKey, masterKey: MasterKey): Buffer {
  try {
    return open(masterKey.reveal(), sealedPrivate, contextOf(id));
  } catch (error) {
    throw new Error(
      'The secrets in this database were sealed with another master key. Give this process the master key file of the one that made them, or the one from its backup.',
      { cause: error },
    );
  }
}

function newKey(masterKey: MasterKey): store.StoredKey {
  const id = newId();
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  return {
    id,
    purpose: PURPOSE,
    publicJwk: { ...publicKey.export({ format: 'jwk' }), kid: id, alg: 'EdDSA', use: 'sig' },
    sealedPrivate: seal(masterKey.reveal(), der, contextOf(id)),
  };
}

const contextOf = (id: string): string => `signing_key:${id}`;
