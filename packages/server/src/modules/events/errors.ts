import { defineErrors } from '../../kernel/errors.ts';

export const eventErrors = defineErrors('event', { position_invalid: 'invalid', slow_consumer: 'unavailable' });
