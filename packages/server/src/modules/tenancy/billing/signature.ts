import { createHmac, timingSafeEqual } from 'node:crypto';
import { billingErrors } from '../errors.ts';

/** What a signed message carries in its headers (Standard Webhooks). */
export type Signed = { id: string; timestamp: string; signature: string; payload: Buffer };

/** A message that is older or newer than this may be a replay. */
const TOLERANCE_SECONDS = 300;

/**
 * Holds a message to its signature: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.payload`; one of several,
 * separated by spaces, is enough, so that secrets can be changed.
 * @throws AppError `unauthenticated`
 */
export function assertSigned({ id, timestamp, signature, payload }: Signed, secret: string, now: Date): void {
  const seconds = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : Number.NaN;
  const isTimely = Math.abs(now.getTime() / 1000 - seconds) <= TOLERANCE_SECONDS;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(payload).digest();
  const isSigned = signature.split(' ').some((each) => isVersion1(each, expected));
  if (id !== '' && isTimely && isSigned) return;
  throw billingErrors.signature_invalid(
    'The signature does not fit the message, or its time is more than five minutes off. Check the secret and the clock.',
  );
}

function isVersion1(signature: string, expected: Buffer): boolean {
  const [version, encoded = ''] = signature.split(',');
  const given = Buffer.from(encoded, 'base64');
  return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
}
