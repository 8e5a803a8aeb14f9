import { defineErrors } from '../../kernel/errors.ts';

export const accessErrors = defineErrors('access', {
  unauthenticated: 'unauthenticated',
  scope_missing: 'denied',
  role_missing: 'denied',
  billing_inactive: 'billing',
  question_invalid: 'invalid',
});
