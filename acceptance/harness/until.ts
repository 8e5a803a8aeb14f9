import { setTimeout as delay } from 'node:timers/promises';

const EVERY_MS = 25;

/**
 * Waits until a condition holds, and gives what it gave. A condition that throws does not hold yet: a server that is
 * being restarted refuses connections.
 * @throws Error that says what did not happen, with the last failure as its cause
 */
export async function until<Value>(
  what: string,
  condition: () => Value | Promise<Value>,
  withinMs = 15_000,
): Promise<NonNullable<Value>> {
  const deadline = performance.now() + withinMs;
  let failure: unknown;
  for (;;) {
    try {
      failure = undefined;
      const value = await condition();
      if (value) return value;
    } catch (thrown) {
      failure = thrown;
    }
    if (performance.now() > deadline) throw new Error(`Not within ${withinMs} ms: ${what}.`, { cause: failure });
    await delay(EVERY_MS);
  }
}
