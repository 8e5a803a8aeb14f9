import { defineErrors } from '../../kernel/errors.ts';

export const webhookErrors = defineErrors('webhook', {
  not_found: 'not_found',
  too_many: 'conflict',
  type_denied: 'denied',
  type_unknown: 'invalid',
  disabled: 'conflict',
});

export const deliveryErrors = defineErrors('delivery', {
  not_found: 'not_found',
  in_flight: 'conflict',
});
