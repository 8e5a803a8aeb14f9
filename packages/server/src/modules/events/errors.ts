import { defineErrors } from '../../kernel/errors.ts';

export const eventErrors = defineErrors('event', {
  position_invalid: 'invalid',
  position_gone: 'precondition',
  slow_consumer: 'unavailable',
});
