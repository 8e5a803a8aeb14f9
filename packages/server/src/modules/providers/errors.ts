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
});
