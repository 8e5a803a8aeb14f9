import { defineErrors } from '../../kernel/errors.ts';

export const runnerErrors = defineErrors('runner', {
  none_available: 'unavailable',
  language_unknown: 'invalid',
  engine_unknown: 'invalid',
  engine_not_offered: 'invalid',
});
