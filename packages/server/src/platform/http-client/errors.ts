import { defineErrors } from '../../kernel/errors.ts';

/** What can become of a call to the outside, before it has an answer that means something. */
export const destinationErrors = defineErrors('destination', {
  invalid: 'invalid',
  refused: 'invalid',
  unreachable: 'unavailable',
  redirected: 'unavailable',
  too_large: 'unavailable',
  timed_out: 'unavailable',
});
