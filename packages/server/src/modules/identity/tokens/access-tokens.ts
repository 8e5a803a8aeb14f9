import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { errors as joseErrors, jwtVerify, SignJWT } from 'jose';
import { newId } from '../../../kernel/ids.ts';
import type { MasterKey } from '../../../platform/crypto/master-key.ts';
import { open, seal } from '../../../platform/crypto/sealed.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { credentialErrors } from '../errors.ts';
import * as store from './store.ts';

const ISSUER = 'assay';
const AUDIENCE = 'assay';
/** An access token of a password sign-in lives 15 minutes (evc-platform). */
export const ACCESS_TOKEN_SECONDS = 900;

/** What an access token says: who, in which organization if in any, from which login. */
export type AccessClaims = { userId: string; orgId: string | null; loginId: string };

type SigningKey = { id: string; privateKey: KeyObject; publicKey: KeyObject };

/** Signs and verifies access tokens: JWT (RFC 7519) with EdDSA over Ed25519 (RFC 8037), key named by `kid`. */
export class AccessTokens {
  readonly #key: SigningKey;

  constructor(key: SigningKey) {
    this.#key = key;
  }

  async sign({ userId, orgId, loginId }: AccessClaims, seconds = ACCESS_TOKEN_SECONDS): Promise<string> {
    return new SignJWT({ ...(orgId === null ? {} : { org: orgId }), sid: loginId })
      .setProtectedHeader({ alg: 'EdDSA', kid: this.#key.id, typ: 'at+jwt' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(userId)
      .setJti(newId())
      .setIssuedAt()
      .setExpirationTime(`${seconds}s`)
      .sign(this.#key.privateKey);
  }

  /** @throws AppError `unauthenticated` for anything but a token that we signed and that is alive */
  async verify(token: string): Promise<AccessClaims> {
    try {
      const { payload } = await jwtVerify(token, this.#key.publicKey, {
        algorithms: ['EdDSA'],
        issuer: ISSUER,
        audience: AUDIENCE,
        typ: 'at+jwt',
        requiredClaims: ['sub', 'sid', 'exp'],
      });
      const { org } = payload as { org?: unknown };
      return {
        userId: String(payload.sub),
        orgId: typeof org === 'string' ? org : null,
        loginId: String(payload['sid']),
      };
    } catch (error) {
      if (error instanceof joseErrors.JWTExpired) {
        throw credentialErrors.expired('The access token has expired. Get a new one with the refresh token.');
      }
      throw credentialErrors.invalid('The access token is not valid. Sign in again.', { cause: error });
    }
  }
}

/**
 * Reads the active signing key, or makes the first one. Two processes that start together end up with the same.
 * @throws Error when the database belongs to another master key, saying what to do
 */
export async function loadAccessTokens(
  systemTransaction: <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>,
  masterKey: MasterKey,
): Promise<AccessTokens> {
  const stored = await systemTransaction(async (tx) => {
    const found = await store.findActiveKey(tx, 'access_token');
    if (found) return found;
    await store.insertKeyUnlessActive(tx, newKey(masterKey));
    return store.findActiveKey(tx, 'access_token');
  });
  if (!stored) throw new Error('No signing key could be made.');
  const privateKey = createPrivateKey({ key: unsealed(stored, masterKey), format: 'der', type: 'pkcs8' });
  return new AccessTokens({ id: stored.id, privateKey, publicKey: createPublicKey(privateKey) });
}

function unsealed({ id, sealedPrivate }: store.StoredKey, masterKey: MasterKey): Buffer {
  try {
    return open(masterKey.reveal(), sealedPrivate, context(id));
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
    purpose: 'access_token',
    publicJwk: { ...publicKey.export({ format: 'jwk' }), kid: id, alg: 'EdDSA', use: 'sig' },
    sealedPrivate: seal(masterKey.reveal(), der, context(id)),
  };
}

const context = (id: string): string => `signing_key:${id}`;
