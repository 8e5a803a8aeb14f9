import type { Backoff } from '../model.ts';

export type Tried = {
  /** Of the attempt that failed; the first is 1. */
  attempt: number;
  /** How long the other side asks to be left alone. */
  retryAfterMs: number;
  now: Date;
  random(): number;
};

/**
 * When a failed attempt is followed by the next: up to half of the wait is taken off at random. It is made longer by what
 * the other side asks for, and never longer than the policy lets it be.
 */
export function nextTryAt({ kind, firstMs, mostMs }: Backoff, { attempt, retryAfterMs, now, random }: Tried): Date {
  const wait = kind === 'fixed' ? firstMs : firstMs * 2 ** Math.min(attempt - 1, 40);
  const spread = Math.min(wait, mostMs) * (1 - random() / 2);
  return new Date(now.getTime() + Math.min(Math.max(spread, retryAfterMs), mostMs));
}
