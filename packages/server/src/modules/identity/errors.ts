import { defineErrors } from '../../kernel/errors.ts';

export const credentialErrors = defineErrors('credential', {
  invalid: 'unauthenticated',
  expired: 'unauthenticated',
  ambiguous: 'invalid',
  misplaced: 'unauthenticated',
  not_a_member: 'not_found',
  address_refused: 'denied',
  too_many_failures: 'rate_limited',
});

export const loginErrors = defineErrors('login', {
  failed: 'unauthenticated',
  refresh_invalid: 'unauthenticated',
  throttled: 'rate_limited',
  second_factor_failed: 'unauthenticated',
  challenge_ended: 'unauthenticated',
  stale: 'denied',
  not_found: 'not_found',
});

export const passwordErrors = defineErrors('password', {
  unacceptable: 'invalid',
  wrong: 'invalid',
  missing: 'conflict',
  token_invalid: 'invalid',
});

export const accountErrors = defineErrors('account', {
  person_needed: 'denied',
  not_found: 'not_found',
  sign_up_closed: 'denied',
  mail_missing: 'unavailable',
  email_taken: 'conflict',
  token_invalid: 'invalid',
});

export const totpErrors = defineErrors('totp', {
  already_on: 'conflict',
  not_on: 'conflict',
  code_wrong: 'invalid',
});

export const keyErrors = defineErrors('api_key', {
  not_found: 'not_found',
  unknown_scope: 'invalid',
  scope_beyond_yours: 'denied',
  restriction_beyond_yours: 'denied',
  expiry_in_past: 'invalid',
  address_invalid: 'invalid',
  service_account_unknown: 'invalid',
  revoked: 'conflict',
});

export const ssoErrors = defineErrors('sso', {
  not_found: 'not_found',
  failed: 'unauthenticated',
  attempt_ended: 'unauthenticated',
  email_unverified: 'denied',
  domain_foreign: 'denied',
  not_a_member: 'denied',
  domain_unknown: 'not_found',
  domain_taken: 'conflict',
  proof_missing: 'conflict',
  mapping_invalid: 'invalid',
});

export const passkeyErrors = defineErrors('passkey', {
  not_found: 'not_found',
  failed: 'unauthenticated',
  refused: 'invalid',
  taken: 'conflict',
});
