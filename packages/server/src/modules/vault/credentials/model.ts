import type { Place, SealedValue } from '../keys/model.ts';

/*
 * credential   what opens somebody else's door: a key, a password, or the means to get a token
 * minting      getting a token from an issuer with it; the token is what is sent then
 * personal     of one person, and for that person's calls only
 */

/** Evershell's kinds. */
export type CredentialKind =
  | 'oauth2_authorization_code'
  | 'oauth2_client_credentials'
  | 'oauth2_jwt_bearer'
  | 'oauth2_jwt_bearer_with_subject'
  | 'oauth2_client_assertion'
  | 'api_key'
  | 'basic_auth'
  | 'query_api_key';

/**
 * active        it can be used
 * needs_reauth  a person must authorize it (again) at its issuer
 * failed        its issuer refuses it; tried again from time to time, since that can be mended over there
 * revoked       it is over, and nothing of it is kept but its name
 */
export type CredentialStatus = 'active' | 'needs_reauth' | 'failed' | 'revoked';

/** What is said openly about how a credential is used. */
export type ConfigField =
  | 'header'
  | 'prefix'
  | 'parameter'
  | 'issuer'
  | 'authorization_endpoint'
  | 'token_endpoint'
  | 'client_id'
  | 'client_auth'
  | 'audience'
  | 'resource'
  | 'assertion_issuer'
  | 'subject'
  | 'key_id'
  | 'algorithm';
export type CredentialConfig = Readonly<Partial<Record<ConfigField, string>>>;

/** What is sealed. `refresh_token` comes from the issuer, the others from whoever adds the credential. */
export type SecretField = 'api_key' | 'username' | 'password' | 'client_secret' | 'private_key' | 'refresh_token';
export type CredentialSecret = Readonly<Partial<Record<SecretField, string>>>;

export type Credential = {
  orgId: string;
  id: string;
  name: string;
  kind: CredentialKind;
  provider: string | null;
  userId: string | null;
  status: CredentialStatus;
  allowUserOverride: boolean;
  scopes: readonly string[];
  config: CredentialConfig;
  sealed: SealedValue | null;
  sealedVersion: number;
  createdBy: string | null;
  createdAt: Date;
  updatedAt: Date;
  lastMintedAt: Date | null;
  lastMintedStatus: string | null;
  revokedAt: Date | null;
};

/** What to add to a request so that it is let in. Secret: it goes nowhere but there. */
export type Authorization = {
  headers: Readonly<Record<string, string>>;
  query: Readonly<Record<string, string>>;
};

/** Whether a token has to be got before such a credential can be used. */
export const isMinted = (kind: CredentialKind): boolean => kind.startsWith('oauth2_');

export const credentialPlace = ({ orgId, id }: Pick<Credential, 'orgId' | 'id'>, version: number): Place => ({
  orgId,
  purpose: 'credentials',
  id,
  version,
});

export type TokenName = { orgId: string; credentialId: string; subject: string };

export const tokenPlace = ({ orgId, credentialId, subject }: TokenName, version: number): Place => ({
  orgId,
  purpose: 'minted_tokens',
  id: JSON.stringify([credentialId, subject]),
  version,
});

/** How long a token lives whose issuer does not say, seconds. */
const UNSAID_SECONDS = 300;
/** A token is replaced this long before its end, so that nobody is sent away with one that ends on the way. */
const AHEAD_SECONDS = 60;

/** When a token ends, and when it is replaced, in seconds from now. */
export function lifetimeOf(expiresIn: number | undefined): { expiresIn: number; refreshIn: number } {
  const seconds = expiresIn !== undefined && expiresIn > 0 ? expiresIn : UNSAID_SECONDS;
  return { expiresIn: seconds, refreshIn: Math.max(seconds - AHEAD_SECONDS, Math.floor(seconds / 2)) };
}

const LONGEST_WAIT_SECONDS = 300;
/** What an issuer refused outright is seldom mended within the minute. */
const REFUSED_WAIT_SECONDS = 60;

/** Seconds until an issuer is asked again after so many failures: 1, 2, 4, … to five minutes. */
export const backOff = (failures: number, isRefused: boolean): number =>
  Math.min(2 ** Math.min(failures, 20) * (isRefused ? REFUSED_WAIT_SECONDS : 1), LONGEST_WAIT_SECONDS);
