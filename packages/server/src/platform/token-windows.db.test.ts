import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import { until } from '../../test/until.ts';
import { newId } from '../kernel/ids.ts';
import { OwnTokenWindows, sharedTokenWindows, type TokenWindows } from './token-windows.ts';

const db = testDatabase();
const shared = (): TokenWindows =>
  sharedTokenWindows({
    statements: (work) => db.system.statements({ orgId: null }, work),
    onFailure: (error) => {
      throw error;
    },
  });
const usedOf = async (name: string): Promise<number> =>
  (await db.owner.query('select used from rate_windows where name = $1', [name])).rows[0]?.used;

describe.each([
  ['one process', () => new OwnTokenWindows()],
  ['the database', shared],
])('a window of %s', (_where, make) => {
  test('gives out what it has, or nothing', async () => {
    const windows = make();
    const name = newId();
    const take = async (amount: number) => (await windows.take({ name, limit: 100, amount })).granted;
    expect([await take(60), await take(41), await take(40), await take(1)]).toEqual([true, false, true, false]);
  });

  test('takes back what was not used, and counts what was used beyond', async () => {
    const windows = make();
    const name = newId();
    const take = (amount: number) => windows.take({ name, limit: 100, amount });
    const { window, resetAt } = await take(100);
    expect(resetAt).toBeGreaterThan(Date.now() + 50_000);
    windows.adjust({ name, window, by: -90 });
    await until('it is given back', async () => (await take(30)).granted);
    windows.adjust({ name, window, by: 100 });
    await until('it is counted', async () => (await take(1)).used >= 140);
    expect(await take(1)).toMatchObject({ granted: false });
    // Of another window: nothing.
    windows.adjust({ name, window: '2020-01-01 00:00:00+00', by: -1_000 });
    expect(await take(1)).toMatchObject({ granted: false });
  });
});

describe('windows in the database', () => {
  test('give out no more to all processes than to one', async () => {
    const name = newId();
    const processes = [shared(), shared(), shared()];
    const asked = Array.from({ length: 60 }, (_, at) => processes[at % 3]?.take({ name, limit: 100, amount: 7 }));
    const granted = (await Promise.all(asked)).filter((claimed) => claimed?.granted).length;
    expect([granted, await usedOf(name)]).toEqual([14, 98]);
  });

  test('begin anew when they are over', async () => {
    const name = newId();
    const windows = shared();
    await windows.take({ name, limit: 100, amount: 100 });
    await db.owner.query(`update rate_windows set ends_at = now() - interval '1 second' where name = $1`, [name]);
    expect(await windows.take({ name, limit: 100, amount: 50 })).toMatchObject({ granted: true, used: 50 });
  });

  test('are counted by the process while the database is away', async () => {
    let failures = 0;
    const windows = sharedTokenWindows({
      statements: async () => {
        throw new Error('The database is away.');
      },
      onFailure: () => {
        failures += 1;
      },
    });
    const take = async () => (await windows.take({ name: 'n', limit: 10, amount: 6 })).granted;
    expect([await take(), await take(), failures]).toEqual([true, false, 2]);
  });
});

test('a window of one process begins anew when it is over', () => {
  let now = 0;
  const windows = new OwnTokenWindows(() => now);
  windows.take({ name: 'n', limit: 10, amount: 10 });
  now = 60_000;
  expect(windows.take({ name: 'n', limit: 10, amount: 10 })).toMatchObject({ granted: true, resetAt: 120_000 });
});
