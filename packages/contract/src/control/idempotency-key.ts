import { z } from 'zod';

/** What makes an act happen once, however often it is asked for; as good as the header. */
export const IdempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, '1 to 255 visible ASCII characters')
  .meta({ description: 'The same as the header `Idempotency-Key`: made once, however often it is asked for.' });
