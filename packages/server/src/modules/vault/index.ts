/**
 * The vault keeps what must not be read: secrets, credentials and the tokens minted from them, and the keys that all of
 * it is sealed with. Tables: root_keys, root_key_wrappings, data_keys, secrets, secret_versions, credentials,
 * credential_tokens, credential_authorizations.
 * Invariants: every value is sealed under a data key of its organization and purpose, bound to the place where it lies;
 * no value leaves over an API; every use of a secret leaves a leaf in the audit log.
 */
export { vaultConstraints } from './constraints.ts';
export { credentialResealers, deleteExpiredTokens, deleteRevokedCredentials } from './credentials/jobs.ts';
export { Minter } from './credentials/minter.ts';
export type { Authorization, Credential } from './credentials/model.ts';
export { credentialOperations } from './credentials/operations.ts';
export { Credentials } from './credentials/use.ts';
export { DataKeys } from './keys/data-keys.ts';
export { type KeyChores, moveToNewestKeys, type Resealer } from './keys/jobs.ts';
export type { KeyStatus, Place, SealedValue } from './keys/model.ts';
export { encryptionKeyOperations } from './keys/operations.ts';
export { RootKeys } from './keys/root-keys.ts';
export { IssuerClient } from './oauth/issuer-client.ts';
export { deleteOldAuthorizations } from './oauth/jobs.ts';
export { oauthOperations } from './oauth/operations.ts';
export { secretResealer } from './secrets/jobs.ts';
export type { Secret, SecretVersion } from './secrets/model.ts';
export { secretOperations } from './secrets/operations.ts';
export { SecretReader } from './secrets/use.ts';
