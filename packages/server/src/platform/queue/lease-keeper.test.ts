import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LeaseKeeper } from './lease-keeper.ts';

type Lease = { id: string };
const LEASE_MS = 9_000;

/** A keeper of leases whose renewals the test answers. */
function keeper() {
  const seen = { renewed: [] as string[][], lost: [] as string[], warnings: [] as string[] };
  const answers: PromiseWithResolvers<readonly Lease[]>[] = [];
  const leases = new LeaseKeeper<Lease>({
    renew: (held) => {
      seen.renewed.push(held.map(({ id }) => id));
      const answer = Promise.withResolvers<readonly Lease[]>();
      answers.push(answer);
      return answer.promise;
    },
    onLost: ({ id }) => void seen.lost.push(id),
    leaseMs: LEASE_MS,
    log: pino({}, { write: () => void seen.warnings.push('') }),
  });
  const answer = async (lost: readonly Lease[]): Promise<void> => {
    answers.at(-1)?.resolve(lost);
    await vi.advanceTimersByTimeAsync(0);
  };
  const fail = async (): Promise<void> => {
    answers.at(-1)?.reject(new Error('The database is away.'));
    await vi.advanceTimersByTimeAsync(0);
  };
  return { leases, seen, answer, fail };
}

const [a, b]: [Lease, Lease] = [{ id: 'a' }, { id: 'b' }];

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a lease', () => {
  test('is renewed three times within its length, with all the others at once', async () => {
    const kept = keeper();
    kept.leases.hold('a', a);
    kept.leases.hold('b', b);
    for (let round = 0; round < 3; round++) {
      await vi.advanceTimersByTimeAsync(LEASE_MS / 3);
      await kept.answer([]);
    }
    expect(kept.seen.renewed).toEqual([
      ['a', 'b'],
      ['a', 'b'],
      ['a', 'b'],
    ]);
    expect(kept.seen.lost).toEqual([]);
    kept.leases[Symbol.dispose]();
  });

  test('that the database no longer grants is lost, and the work under it is told', async () => {
    const { leases, seen, answer } = keeper();
    leases.hold('a', a);
    leases.hold('b', b);
    await vi.advanceTimersByTimeAsync(LEASE_MS / 3);
    await answer([b]);
    expect(seen.lost).toEqual(['b']);
    leases[Symbol.dispose]();
  });

  test('that ended in order while it was being renewed is not lost', async () => {
    const { leases, seen, answer } = keeper();
    leases.hold('a', a);
    await vi.advanceTimersByTimeAsync(LEASE_MS / 3);
    leases.release('a');
    await answer([a]);
    expect(seen.lost).toEqual([]);
    leases[Symbol.dispose]();
  });

  test('that was taken anew under the same name while the old one was being renewed is kept', async () => {
    const { leases, seen, answer } = keeper();
    leases.hold('a', a);
    await vi.advanceTimersByTimeAsync(LEASE_MS / 3);
    leases.hold('a', { id: 'a, again' });
    await answer([a]);
    expect(seen.lost).toEqual([]);
    expect(leases.get('a')).toEqual({ id: 'a, again' });
    leases[Symbol.dispose]();
  });

  test('that was released is not renewed', async () => {
    const { leases, seen } = keeper();
    leases.hold('a', a);
    leases.release('a');
    expect(leases.size).toBe(0);
    await vi.advanceTimersByTimeAsync(LEASE_MS);
    expect(seen.renewed).toEqual([]);
    leases[Symbol.dispose]();
  });
});

describe('a renewal', () => {
  test('that takes long is not overtaken by the next', async () => {
    const { leases, seen, answer } = keeper();
    leases.hold('a', a);
    await vi.advanceTimersByTimeAsync(LEASE_MS);
    expect(seen.renewed).toHaveLength(1);
    await answer([]);
    await vi.advanceTimersByTimeAsync(LEASE_MS / 3);
    expect(seen.renewed).toHaveLength(2);
    leases[Symbol.dispose]();
  });

  test('that fails loses nothing and is tried again', async () => {
    const { leases, seen, fail } = keeper();
    leases.hold('a', a);
    await vi.advanceTimersByTimeAsync(LEASE_MS / 3);
    await fail();
    expect(seen).toMatchObject({ lost: [], warnings: [''] });
    await vi.advanceTimersByTimeAsync(LEASE_MS / 3);
    expect(seen.renewed).toHaveLength(2);
    leases[Symbol.dispose]();
  });

  test('does not come after the end', async () => {
    const { leases, seen } = keeper();
    leases.hold('a', a);
    leases[Symbol.dispose]();
    await vi.advanceTimersByTimeAsync(10 * LEASE_MS);
    expect(seen.renewed).toEqual([]);
  });
});
