import { defineErrors } from '../../kernel/errors.ts';

export const providerErrors = defineErrors('provider', {
  not_found: 'not_found',
  name_taken: 'conflict',
  built_in: 'conflict',
  archived: 'conflict',
  address_invalid: 'invalid',
  key_unknown: 'invalid',
  key_needed: 'invalid',
  key_not_yours: 'denied',
  secret_in_use: 'conflict',
  none_fits: 'invalid',
  model_unknown: 'invalid',
  down: 'unavailable',
  not_allowed: 'denied',
});

export const replayErrors = defineErrors('replay', {
  missing: 'not_found',
  unreadable: 'unavailable',
  off: 'conflict',
  not_yours: 'denied',
});

export const policyErrors = defineErrors('model_policy', {
  not_found: 'not_found',
  subject_unknown: 'not_found',
  team_unknown: 'invalid',
  too_many: 'conflict',
});

export const attributionErrors = defineErrors('attribution', {
  team_unknown: 'invalid',
  team_bound: 'denied',
  team_not_yours: 'denied',
});

export const tokenErrors = defineErrors('tokens', {
  limit_exceeded: 'rate_limited',
  input_too_large: 'too_large',
});
