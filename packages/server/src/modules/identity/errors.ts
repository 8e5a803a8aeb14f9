import { defineErrors } from '../../kernel/errors.ts';

export const credentialErrors = defineErrors('credential', {
  invalid: 'unauthenticated',
  expired: 'unauthenticated',
  ambiguous: 'invalid',
  misplaced: 'unauthenticated',
  not_a_member: 'not_found',
});

export const loginErrors = defineErrors('login', {
  failed: 'unauthenticated',
  refresh_invalid: 'unauthenticated',
});

export const keyErrors = defineErrors('api_key', {
  not_found: 'not_found',
  unknown_scope: 'invalid',
  scope_beyond_yours: 'denied',
  expiry_in_past: 'invalid',
});
