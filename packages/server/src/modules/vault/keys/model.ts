/*
 * master key   kept by the operator, outside the database: a file, the environment, a transit engine. Wraps root keys
 * root key     in the database, wrapped by a master key; wraps data keys, so that no request ever waits for a master key
 *              that is somewhere on the network
 * data key     of one organization and purpose; seals values
 * place        where a value lies. It is authenticated with the value: a ciphertext that is moved does not open
 */

/** What data keys are for; each module adds its own. */
export type Purpose =
  | 'platform'
  | 'secrets'
  | 'credentials'
  | 'minted_tokens'
  | 'provider_keys'
  | 'captured_content'
  | 'webhook_secrets'
  | 'cached_answers'
  | 'assets';

/** Whose data key, and where under it. `version` is that of the value, so that an old one cannot be put back. */
export type Place = { orgId: string; purpose: Purpose; id: string; version: number };

/** A value under a data key. */
export type SealedValue = { keyVersion: number; bytes: Buffer };

/** The words that a sealed value is bound to. */
export const contextOf = ({ orgId, purpose, id, version }: Place, keyVersion: number): string =>
  JSON.stringify(['value', orgId, purpose, id, version, keyVersion]);

export type DataKeyName = { orgId: string; purpose: Purpose; version: number };

/** A data key as it is kept. */
export type WrappedDataKey = DataKeyName & { rootVersion: number; wrapped: Buffer };

/** The words that a data key is bound to under its root key. */
export const dataKeyContext = ({ orgId, purpose, version }: DataKeyName, rootVersion: number): string =>
  JSON.stringify(['data_key', orgId, purpose, version, rootVersion]);

export type RootKey = { version: number; masterKeyId: string };
export type RootKeyWrapping = { masterKeyId: string; wrapped: Buffer };

/** The words that a root key is bound to under a master key. */
export const rootKeyContext = (version: number): string => `assay root key ${version}`;

/** How the keys of the installation stand. */
export type KeyStatus = {
  /** The master key in use, and those that this process has. */
  masterKeyId: string;
  availableIds: readonly string[];
  rootVersion: number;
  /** Data keys that are still to be wrapped anew; 0 when no rotation is under way. */
  pending: number;
  /** Master keys that can still open something. Whatever is not among them may be thrown away. */
  neededIds: readonly string[];
};
