import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Tx } from '../../platform/db/index.ts';
import type { Leaf } from './model.ts';
import { createRefusalLog } from './refusals.ts';

const leaf = (orgId: string): Leaf => ({
  orgId,
  action: 'thing.made',
  outcome: 'refused',
  actor: { kind: 'api_key', id: 'k' },
  via: 'http',
  target: null,
  requestId: 'r',
  traceId: null,
  personal: {},
  detail: {},
});

/** A log of refusals whose transactions only say that they were there. */
function bench(fails = false) {
  const seen = { written: [] as (string | null)[], dropped: 0, failures: [] as unknown[] };
  const tx: Tx = { query: async () => [], pair: async () => [[], []], defer: () => {}, onCommit: () => {} };
  const refusals = createRefusalLog({
    async transaction({ orgId }, work) {
      if (fails) throw new Error('The database is away.');
      seen.written.push(orgId);
      return work(tx);
    },
    perSecond: 5,
    onDropped: () => {
      seen.dropped += 1;
    },
    onFailure: (error) => void seen.failures.push(error),
  });
  return { refusals, seen };
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_800_000_000_500, toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('refusals', () => {
  test('are written up to the allowance of a second, and counted beyond it', async () => {
    const { refusals, seen } = bench();
    for (let round = 0; round < 1_000; round++) await refusals.record(leaf('a'));
    expect(seen.written).toHaveLength(5);
    expect(seen.dropped).toBe(995);
  });

  test('are written again in the next second', async () => {
    const { refusals, seen } = bench();
    for (let second = 0; second < 3; second++) {
      for (let round = 0; round < 10; round++) await refusals.record(leaf('a'));
      vi.advanceTimersByTime(1_000);
    }
    expect(seen.written).toHaveLength(15);
  });

  test('of one organization do not use up the allowance of another', async () => {
    const { refusals, seen } = bench();
    for (let round = 0; round < 100; round++) await refusals.record(leaf('a'));
    await refusals.record(leaf('b'));
    expect(seen.written.filter((orgId) => orgId === 'b')).toHaveLength(1);
  });

  test('that come at once do not pass the allowance together', async () => {
    const { refusals, seen } = bench();
    await Promise.all(Array.from({ length: 100 }, () => refusals.record(leaf('a'))));
    expect(seen.written).toHaveLength(5);
  });

  test('that cannot be written are reported and refuse nobody a second time', async () => {
    const { refusals, seen } = bench(true);
    await expect(refusals.record(leaf('a'))).resolves.toBeUndefined();
    expect(seen.failures).toHaveLength(1);
  });
});
