import { setTimeout as delay } from 'node:timers/promises';

const LOOK_MS = 20;
const WITHIN_MS = 60_000;

/**
 * Waits until something holds.
 * @throws Error that names it when it does not within a minute
 */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WITHIN_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Not within ${WITHIN_MS} ms: ${what}.`);
    await delay(LOOK_MS);
  }
}
