import { decodeProtectedHeader, type JWTPayload, errors as joseErrors, jwtVerify, SignJWT } from 'jose';
import { newId } from '../../../kernel/ids.ts';
import { credentialErrors } from '../errors.ts';
import type { KeySource } from './signing-keys.ts';

/** Who issues tokens where no public address was set. */
const UNNAMED_ISSUER = 'assay';
const AUDIENCE = 'assay';
/** An access token of a password sign-in lives 15 minutes (evc-platform). */
export const ACCESS_TOKEN_SECONDS = 900;

/** How far the clock of the process that made a token may be ahead of ours. Its end is taken to the second. */
const SKEW_SECONDS = 60;

/** What an access token says: who, in which organization if in any, from which login. */
export type AccessClaims = { userId: string; orgId: string | null; loginId: string };

/** Signs and verifies access tokens: JWT (RFC 7519) with EdDSA over Ed25519 (RFC 8037), key named by `kid`. */
export class AccessTokens {
  readonly #keys: KeySource;
  readonly issuer: string;

  /** @param issuer the public address of the installation, if it has one */
  constructor(keys: KeySource, issuer: string | null) {
    this.#keys = keys;
    this.issuer = issuer ?? UNNAMED_ISSUER;
  }

  async sign({ userId, orgId, loginId }: AccessClaims, seconds = ACCESS_TOKEN_SECONDS): Promise<string> {
    const { id, privateKey } = this.#keys.signer();
    return new SignJWT({ ...(orgId === null ? {} : { org: orgId }), sid: loginId })
      .setProtectedHeader({ alg: 'EdDSA', kid: id, typ: 'at+jwt' })
      .setIssuer(this.issuer)
      .setAudience(AUDIENCE)
      .setSubject(userId)
      .setJti(newId())
      .setIssuedAt()
      .setExpirationTime(`${seconds}s`)
      .sign(privateKey);
  }

  /** @throws AppError `unauthenticated` for anything but a token that we signed and that is alive */
  async verify(token: string): Promise<AccessClaims> {
    const payload = await this.#open(token);
    const now = Date.now() / 1000;
    if (Number(payload.exp) <= now) throw expired();
    if (payload.iat !== undefined && payload.iat > now + SKEW_SECONDS) throw invalid();
    const { org } = payload as { org?: unknown };
    return {
      userId: String(payload.sub),
      orgId: typeof org === 'string' ? org : null,
      loginId: String(payload['sid']),
    };
  }

  async #open(token: string): Promise<JWTPayload> {
    try {
      const key = await this.#keys.verifier(String(decodeProtectedHeader(token).kid));
      if (key === null) throw invalid();
      const { payload } = await jwtVerify(token, key, {
        algorithms: ['EdDSA'],
        issuer: this.issuer,
        audience: AUDIENCE,
        typ: 'at+jwt',
        clockTolerance: SKEW_SECONDS,
        requiredClaims: ['sub', 'sid', 'exp'],
      });
      return payload;
    } catch (error) {
      if (error instanceof joseErrors.JWTExpired) throw expired();
      if (error instanceof joseErrors.JOSEError || error instanceof TypeError) throw invalid(error);
      throw error;
    }
  }
}

const expired = (): Error =>
  credentialErrors.expired('The access token has expired. Get a new one with the refresh token.');
const invalid = (cause?: unknown): Error =>
  credentialErrors.invalid('The access token is not valid. Sign in again.', { cause });
