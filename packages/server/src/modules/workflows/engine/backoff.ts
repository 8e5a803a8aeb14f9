import type { Backoff } from '../model.ts';

/** When a failed attempt, the first of which is 1, is followed by the next: up to half of the wait is taken off at random. */
export function nextTryAt(
  { kind, firstMs, mostMs }: Backoff,
  { attempt, now, random }: { attempt: number; now: Date; random(): number },
): Date {
  const wait = kind === 'fixed' ? firstMs : firstMs * 2 ** Math.min(attempt - 1, 40);
  return new Date(now.getTime() + Math.min(wait, mostMs) * (1 - random() / 2));
}
