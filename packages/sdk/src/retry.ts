/** First and longest step of the back-off, milliseconds. Shorter would hammer a server that is just starting. */
const FIRST_STEP_MS = 500;
const LONGEST_STEP_MS = 8_000;
/** A server that asks for a longer pause is not waited for: the caller decides. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/**
 * Whether the same request can succeed later. The server decides with `x-should-retry`; else by status: a 409 only
 * when it says when to come back, because the first attempt is still running then.
 */
export function isRetryable(status: number, headers: Headers): boolean {
  const advice = headers.get('x-should-retry');
  if (advice === 'true') return true;
  if (advice === 'false') return false;
  if (status === 409) return headers.has('retry-after');
  return status === 408 || status === 429 || status >= 500;
}

/** `Retry-After` in milliseconds, given in seconds or as a date; null when there is none that can be read. */
export function retryAfterMs(headers: Headers): number | null {
  const header = headers.get('retry-after');
  if (header === null) return null;
  const ms = /^\d+(\.\d+)?$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}

/** How long to wait before attempt number `attempt` (from 1) is repeated; null to give up at once. */
export function pauseBefore(attempt: number, headers?: Headers): number | null {
  const asked = headers ? retryAfterMs(headers) : null;
  if (asked === null) return fullJitter(attempt);
  return asked > LONGEST_RETRY_AFTER_MS ? null : asked;
}

/** Anything up to the step, so that clients which failed together do not come back together. */
export function fullJitter(attempt: number, firstStep = FIRST_STEP_MS): number {
  return Math.random() * Math.min(LONGEST_STEP_MS, firstStep * 2 ** (attempt - 1));
}

/** Waits; rejects with the signal's reason as soon as it aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
