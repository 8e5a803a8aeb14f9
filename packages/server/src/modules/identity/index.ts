/**
 * Identity knows who calls, and keeps how they prove it: API keys, passwords, second factors, passkeys, single sign-on,
 * devices, access and refresh tokens, and the first start.
 * Tables: api_keys, logins, refresh_tokens, signing_keys, platform_grants, one_time_tokens, attempt_throttles,
 * totp_authenticators, recovery_codes, second_factor_challenges, passkeys, passkey_challenges, identity_providers,
 * identity_provider_domains, federated_identities, sso_attempts, device_authorizations.
 * Invariants: no secret is stored in a form that can be used; a key's scopes are always within its creator's; a revoked or
 * expired credential stops working at once; nobody is locked out by the failures of others.
 */

export { accountOperations } from './accounts/operations.ts';
export { personOf } from './accounts/person.ts';
export type { Profile } from './accounts/profile-operations.ts';
export type { AccountServices } from './accounts/services.ts';
export {
  Authenticator,
  type AuthenticatorOptions,
  type Credential,
  type Watched,
} from './authenticator.ts';
export { type Bootstrap, bootstrap } from './bootstrap.ts';
export { sessionOperations } from './browser/operations.ts';
export { identityConstraints } from './constraints.ts';
export type { DeviceQuestion } from './device/approval.ts';
export { pollRefusal } from './device/errors.ts';
export { deleteOldDeviceRequests } from './device/jobs.ts';
export { CREWKIT_CLIENT, type DeviceRequest, digestUserCode } from './device/model.ts';
export { deviceOperations } from './device/operations.ts';
export { credentialErrors, loginErrors } from './errors.ts';
export { findActor, findPrincipal } from './grants.ts';
export { deleteSpentIdentity } from './jobs.ts';
export { DEFAULT_OVERLAP_SECONDS } from './keys/change-key.ts';
export { freezeKeysOf, revokeKeysOf } from './keys/departures.ts';
export type { ApiKey } from './keys/model.ts';
export { keyOperations } from './keys/operations.ts';
export { findKeyMakers, findKeyReach } from './keys/reads.ts';
export { KeyUsage } from './keys/usage.ts';
export { deleteExpiredLogins } from './login/jobs.ts';
export { DEVICE_SECONDS, KnownDevices } from './login/known-devices.ts';
export { Logins, type TokenPair } from './login/logins.ts';
export { loginOperations } from './login/operations.ts';
export { hashPassword } from './login/passwords.ts';
export { type OwnLogin, ownLoginOperations } from './login/session-operations.ts';
export { SecondFactorRequired, type SignedIn, SignIn } from './login/sign-in.ts';
export { LoginUsage } from './login/usage.ts';
export type { AuthenticationResponse, RegistrationResponse } from './passkeys/ceremonies.ts';
export type { Passkey } from './passkeys/model.ts';
export { passkeyOperations } from './passkeys/operations.ts';
export { relyingParty } from './passkeys/relying-party.ts';
export { passwordOperations } from './passwords/operations.ts';
export { assertAcceptable } from './passwords/policy.ts';
export { domainOperations } from './sso/domain-operations.ts';
export { Issuers } from './sso/issuers.ts';
export { type IdentityProvider, proofRecord } from './sso/model.ts';
export { providerOperations } from './sso/operations.ts';
export { ProviderSecrets } from './sso/provider-secrets.ts';
export { ATTEMPT_SECONDS, ssoOperations } from './sso/sign-in-operations.ts';
export { Throttle } from './throttle/throttle.ts';
export { AccessTokens } from './tokens/access-tokens.ts';
export { signingKeyOperations } from './tokens/operations.ts';
export { SigningKeys, type SigningKeyView } from './tokens/signing-keys.ts';
export { secondFactorOperations } from './totp/operations.ts';
export { SecondFactors } from './totp/second-factors.ts';
export { whoAmI } from './who-am-i.ts';
