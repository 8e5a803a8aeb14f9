/**
 * Identity knows who calls: API keys, password sign-in, access and refresh tokens, and the first start.
 * Tables: api_keys, logins, refresh_tokens, signing_keys, platform_grants. Invariants: no secret is stored in a form that can be used; a key's
 * scopes are always within its creator's; a revoked or expired credential stops working at once.
 */
export { Authenticator, type Credential, type Watched } from './authenticator.ts';
export { type Bootstrap, bootstrap } from './bootstrap.ts';
export { type OpenedSession, sessionOperations } from './browser/operations.ts';
export type { DeviceQuestion } from './device/approval.ts';
export { pollRefusal } from './device/errors.ts';
export { deleteOldDeviceRequests } from './device/jobs.ts';
export { CREWKIT_CLIENT, type DeviceRequest, digestUserCode } from './device/model.ts';
export { deviceOperations, type PollOutcome } from './device/operations.ts';
export { credentialErrors, loginErrors } from './errors.ts';
export type { ApiKey } from './keys/model.ts';
export { keyOperations } from './keys/operations.ts';
export { deleteExpiredLogins } from './login/jobs.ts';
export { type BrowserSession, Logins, type TokenPair } from './login/logins.ts';
export { loginOperations } from './login/operations.ts';
export { loadAccessTokens } from './tokens/access-tokens.ts';
export { whoAmI } from './who-am-i.ts';
