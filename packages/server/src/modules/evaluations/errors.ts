import { defineErrors } from '../../kernel/errors.ts';

export const evaluationErrors = defineErrors('evaluation', {
  not_found: 'not_found',
  invalid: 'invalid',
  not_dead: 'conflict',
  network_unsupported: 'invalid',
});
