import { expect, test, vi } from 'vitest';
import { Rounds } from './rounds.ts';

test('rounds come one at a time, and a stop waits for the one that is under way', async () => {
  vi.useFakeTimers();
  try {
    const under: PromiseWithResolvers<void>[] = [];
    const rounds = new Rounds(100, () => {
      const round = Promise.withResolvers<void>();
      under.push(round);
      return round.promise;
    });
    rounds.start();
    await vi.advanceTimersByTimeAsync(350);
    expect(under).toHaveLength(1);
    under[0]?.resolve();
    await vi.advanceTimersByTimeAsync(100);
    expect(under).toHaveLength(2);
    let hasStopped = false;
    const stopping = rounds[Symbol.asyncDispose]().then(() => {
      hasStopped = true;
    });
    await vi.advanceTimersByTimeAsync(500);
    expect([hasStopped, under.length]).toEqual([false, 2]);
    under[1]?.resolve();
    await stopping;
  } finally {
    vi.useRealTimers();
  }
});
