import { defineErrors } from '../../kernel/errors.ts';

export const captureErrors = defineErrors('capture', { not_found: 'not_found', pattern_invalid: 'invalid' });
