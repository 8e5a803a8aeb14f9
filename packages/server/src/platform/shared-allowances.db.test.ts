import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import { newId } from '../kernel/ids.ts';
import type { Tx } from './db/index.ts';
import { RateLimiter, type RatePolicy, type Taken } from './rate-limiter.ts';
import { deleteOldWindows, sharedAllowances } from './shared-allowances.ts';

const db = testDatabase();
const MINUTE = 60_000;

type Statements = <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>;
const plainly: Statements = (work) => db.system.statements({ orgId: null }, work);

/** One process, whose questions and failures are counted. */
function node(statements: Statements = plainly) {
  const asked = { times: 0, failed: 0 };
  const counting: Statements = (work) => {
    asked.times += 1;
    return statements(work);
  };
  const onFailure = (): void => {
    asked.failed += 1;
  };
  const source = sharedAllowances({ statements: counting, onFailure });
  return { limiter: new RateLimiter(Date.now, source), asked };
}

const policy = (limit: number, windowMs = MINUTE): RatePolicy => ({ name: `test-${newId()}`, limit, windowMs });
const allowed = (taken: readonly Taken[]): number => taken.filter((each) => each.allowed).length;

describe('a limit that processes share', () => {
  test.each([1, 3, 10, 100, 600])('of %i is never exceeded, and is used up by many callers at once', async (limit) => {
    const nodes = [node(), node(), node()];
    const claim = { policy: policy(limit), caller: 'ann' };
    const asked = Array.from({ length: 3 * limit + 30 }, (_, n) => nodes[n % 3]?.limiter.take([claim]));
    const taken = (await Promise.all(asked)).filter((each) => each !== undefined);
    expect(allowed(taken)).toBe(limit);
  });

  test('is used up but for what another process holds', async () => {
    const [one, other] = [node(), node()];
    const claim = { policy: policy(160), caller: 'ann' };
    await other.limiter.take([claim]);
    const taken: Taken[] = [];
    for (let request = 0; request < 200; request++) taken.push(await one.limiter.take([claim]));
    expect(allowed(taken)).toBe(160 - 10);
    const held: Taken[] = [];
    for (let request = 0; request < 20; request++) held.push(await other.limiter.take([claim]));
    expect(allowed(held)).toBe(9);
  });

  test('asks the database for few of the requests', async () => {
    const { limiter, asked } = node();
    const claim = { policy: policy(600), caller: 'ann' };
    for (let request = 0; request < 600; request++) await limiter.take([claim]);
    expect(asked.times).toBeLessThan(90);
    for (let request = 0; request < 100; request++) expect(limiter.take([claim])).toMatchObject({ allowed: false });
    expect(asked.times).toBeLessThan(90);
  });

  test('begins anew when its window is over, for all at once', async () => {
    const nodes = [node(), node()];
    const claim = { policy: policy(2, 300), caller: 'ann' };
    const take = async (): Promise<Taken[]> =>
      Promise.all(nodes.flatMap(({ limiter }) => [limiter.take([claim]), limiter.take([claim])]));
    const first = await take();
    expect(allowed(first)).toBe(2);
    const resetAt = Math.max(...first.map(({ state }) => state.resetAt));
    while (Date.now() <= resetAt) await new Promise((resolve) => setTimeout(resolve, resetAt - Date.now() + 1));
    expect(allowed(await take())).toBe(2);
  });

  test('is counted by each process alone while the database is away, and shared again after', async () => {
    let isAway = true;
    const { limiter, asked } = node((work) => (isAway ? Promise.reject(new Error('away')) : plainly(work)));
    const claim = { policy: policy(3, 400), caller: 'ann' };
    const taken: Taken[] = [];
    for (let request = 0; request < 5; request++) taken.push(await limiter.take([claim]));
    expect([allowed(taken), asked.failed]).toEqual([3, 1]);
    isAway = false;
    const resetAt = Math.max(...taken.map(({ state }) => state.resetAt));
    while (Date.now() <= resetAt) await new Promise((resolve) => setTimeout(resolve, resetAt - Date.now() + 1));
    expect(await limiter.take([claim])).toMatchObject({ allowed: true });
    expect(asked.failed).toBe(1);
  });
});

test('windows that are over are deleted, and no others', async () => {
  const { limiter } = node();
  const [over, live] = [policy(5), policy(5)];
  for (const each of [over, live]) await limiter.take([{ policy: each, caller: 'ann' }]);
  await db.owner.query(`update rate_windows set ends_at = now() - interval '2 minutes' where name like $1`, [
    `%${over.name}%`,
  ]);
  await plainly(deleteOldWindows);
  const { rows } = await db.owner.query<{ name: string }>('select name from rate_windows where name like any($1)', [
    [`%${over.name}%`, `%${live.name}%`],
  ]);
  expect(rows).toHaveLength(1);
  expect(rows[0]?.name).toContain(live.name);
});
