import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { patience } from './patience.ts';

const stand = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

test('time in which the process stood still does not count', async () => {
  const ended = Promise.withResolvers<number>();
  const began = performance.now();
  patience(200, () => ended.resolve(performance.now() - began));
  stand(600);
  // Without a stop it would have been over at 200 ms, and with one that counts at 600.
  expect(await ended.promise).toBeGreaterThanOrEqual(790);
});

test('that is called off is not over', async () => {
  let isOver = false;
  const stop = patience(1, () => {
    isOver = true;
  });
  stop();
  stand(20);
  await nextTurn();
  await nextTurn();
  expect(isOver).toBe(false);
});
