import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../../../test/database.ts';
import { aBudget, counterOf, someClaims, testLedgers } from '../../../../test/metering.ts';
import { AppError } from '../../../kernel/errors.ts';
import { newId } from '../../../kernel/ids.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { findLeftJournals, Journal } from './journal.ts';
import { recoverFromJournals, settleLost } from './recovery.ts';

const db = testDatabase();
const ledgers = testLedgers(db);

const statements = <Result>(work: (tx: Tx) => Promise<Result>) => db.system.statements({ orgId: null }, work);
const options = async () => ({ ledger: await ledgers.open(), statements, log: ledgers.log as never });
const completed = (cost: number) => ({ cost, quantities: { output: cost }, outcome: 'completed' as const });

/** As if the process of a journal had been killed. */
const bury = (nodeId: string): void =>
  writeFileSync(join(ledgers.folder, `${nodeId}.journal`), '0 gone\n', { flag: 'r+' });

const recordsOf = async (orgId: string) => {
  const { rows } = await db.owner.query(
    `select cost_micros::float8 as cost, output_tokens::float8 as output, outcome, is_estimated from usage_records
     where org_id = $1 order by cost_micros`,
    [orgId],
  );
  return rows;
};

describe('a journal', () => {
  test('of a process that was killed says to the last piece what was delivered', async () => {
    const program = `
      import { Journal } from ${JSON.stringify(new URL('journal.ts', import.meta.url).href)};
      const journal = await Journal.start(process.argv[1]);
      const of = (id) => ({ orgId: '${newId()}', id, reservedAt: new Date(1700000000123) });
      const [first, second] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'].map((id) => journal.open(of(id)));
      for (let cost = 1; cost <= 1000; cost++) journal.write(first, cost, { output: cost, cacheReadAudio: 7 });
      journal.close(second);
      process.kill(process.pid, 'SIGKILL');`;
    const folder = join(ledgers.folder, 'killed');
    const { signal } = spawnSync(process.execPath, ['--input-type=module', '--eval', program, folder], {
      encoding: 'utf8',
    });
    expect(signal).toBe('SIGKILL');
    const [left, ...others] = await findLeftJournals(folder);
    expect(others).toEqual([]);
    expect(left?.entries).toEqual([
      {
        orgId: expect.any(String),
        id: '11111111-1111-4111-8111-111111111111',
        reservedAt: new Date(1_700_000_000_123),
        cost: 1_000,
        quantities: { output: 1_000, cacheReadAudio: 7 },
        asked: 0,
      },
    ]);
    left?.remove();
    left?.remove();
    expect(await findLeftJournals(folder)).toEqual([]);
  });

  test('of a process that runs is left alone, and one of nothing goes with its process', async () => {
    const folder = join(ledgers.folder, 'running');
    const journal = await Journal.start(folder);
    expect(await findLeftJournals(folder)).toEqual([]);
    journal.end({ isClean: true });
    expect(readdirSync(folder)).toEqual([]);
    expect(() => journal.open({ orgId: newId(), id: newId(), reservedAt: new Date() })).toThrow(/closed/);
  });

  test('that the machine lost half of is read as far as it is whole', async () => {
    const folder = join(ledgers.folder, 'torn');
    const journal = await Journal.start(folder);
    const slots = [1, 2].map(() => journal.open({ orgId: newId(), id: newId(), reservedAt: new Date() }));
    for (const slot of slots) journal.write(slot, 5, { output: 5 });
    writeFileSync(join(folder, `${journal.nodeId}.journal`), Buffer.from('0 gone\n'), { flag: 'r+' });
    const path = join(folder, `${journal.nodeId}.journal`);
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(128 + 50) ^ 1, 128 + 50);
    writeFileSync(path, bytes.subarray(0, 128 * 3 - 1));
    expect((await findLeftJournals(folder))[0]?.entries).toEqual([]);
    writeFileSync(path, bytes);
    expect((await findLeftJournals(folder))[0]?.entries).toHaveLength(1);
  });
});

describe('after a crash on the same machine', () => {
  test('calls are billed exactly what was delivered, and what delivered nothing is given back', async () => {
    const journal = await Journal.start(ledgers.folder);
    const crashed = await ledgers.open({ journal });
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 1_000 });
    const [streaming, waiting] = [
      await crashed.reserve({ claims: someClaims(orgId), amount: 300 }),
      await crashed.reserve({ claims: someClaims(orgId), amount: 200 }),
    ];
    expect(waiting.amount).toBe(200);
    for (const cost of [10, 20, 77]) streaming.progress(cost, { output: cost });
    bury(journal.nodeId);
    expect(await recoverFromJournals(ledgers.folder, await options())).toBe(2);
    expect(await counterOf(db, budget)).toMatchObject({ spent: 77, reserved: 0 });
    expect(await recordsOf(orgId)).toEqual([{ cost: 77, output: 77, outcome: 'lost', is_estimated: false }]);
    expect(await recoverFromJournals(ledgers.folder, await options())).toBe(0);
    // The one that was thought dead wakes up, and changes nothing.
    expect(await streaming.settle(completed(250))).toEqual({ cost: 77, overrun: 0 });
    expect(await counterOf(db, budget)).toMatchObject({ spent: 77, reserved: 0 });
  });
});

describe('a call that the first did not answer', () => {
  const others = [{ provider: 'second', model: 'm', priceVersion: 'override:2' }];
  const servedOf = async (orgId: string) =>
    (
      await db.owner.query(
        'select provider, model, price_version, cost_micros::float8 as cost from usage_records where org_id = $1',
        [orgId],
      )
    ).rows;

  test('is billed as the one was asked who did, after a crash too', async () => {
    const journal = await Journal.start(ledgers.folder);
    const crashed = await ledgers.open({ journal });
    const orgId = await db.organization();
    const hold = await crashed.reserve({ claims: someClaims(orgId, { others }), amount: 300 });
    hold.progress(90, { input: 9 });
    hold.progress(0, {});
    hold.asks(1);
    hold.progress(20, { input: 2 });
    bury(journal.nodeId);
    await recoverFromJournals(ledgers.folder, await options());
    expect(await servedOf(orgId)).toEqual([{ ...wire(others[0]), cost: 20 }]);
  });

  test('is billed so where the machine does not come back, by what it told last', async () => {
    const gone = await ledgers.open();
    const orgId = await db.organization();
    const hold = await gone.reserve({ claims: someClaims(orgId, { others }), amount: 300 });
    hold.progress(90, { input: 9 });
    await gone.renewAll();
    hold.asks(1);
    hold.progress(20, { input: 2 });
    await gone.renewAll();
    await db.owner.query(`update reservations set lease_expires_at = now() - interval '1 hour' where org_id = $1`, [
      orgId,
    ]);
    await settleLost(await options());
    expect(await servedOf(orgId)).toEqual([{ ...wire(others[0]), cost: 20 }]);
  });

  const wire = (of: (typeof others)[number] | undefined) => ({
    provider: of?.provider,
    model: of?.model,
    price_version: of?.priceVersion,
  });
});

describe('after a machine is gone', () => {
  test('its calls are settled by their last progress once the lease is long over, by one of many', async () => {
    const gone = await ledgers.open();
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 1_000 });
    const [streaming, silent] = [
      await gone.reserve({ claims: someClaims(orgId), amount: 300 }),
      await gone.reserve({ claims: someClaims(orgId), amount: 200 }),
    ];
    streaming.progress(40, { output: 40 });
    await gone.renewAll();
    streaming.progress(55, { output: 55 });
    expect(await settleLost(await options())).toBe(0);
    await db.owner.query(`update reservations set lease_expires_at = now() - interval '1 hour' where org_id = $1`, [
      orgId,
    ]);
    const ended = await Promise.all([settleLost(await options()), settleLost(await options())]);
    expect(ended.reduce((sum, count) => sum + count)).toBe(2);
    expect(await counterOf(db, budget)).toMatchObject({ spent: 40, reserved: 0 });
    expect(await recordsOf(orgId)).toEqual([{ cost: 40, output: 40, outcome: 'lost', is_estimated: true }]);
    await gone.renewAll();
    await gone.renewAll();
    for (let round = 0; round < 6; round++) await gone.renewAll();
    expect(() => streaming.progress(60, { output: 60 })).toThrow(expect.objectContaining({ code: 'usage.lease_lost' }));
    expect(() => silent.progress(1, {})).toThrow(expect.objectContaining({ code: 'usage.lease_lost' }));
  });
});

describe('while the database is away', () => {
  test('nothing is admitted, what is under way is cut in time, and settlements wait for it', async () => {
    let isAway = false;
    const ledger = await ledgers.open({
      leaseSeconds: 1,
      transaction: (work) => {
        if (isAway) return Promise.reject(new AppError('unavailable', 'database.unavailable', 'Away.'));
        return db.system.transaction({ orgId: null }, work);
      },
    });
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 1_000 });
    const [ending, streaming] = [
      await ledger.reserve({ claims: someClaims(orgId), amount: 100 }),
      await ledger.reserve({ claims: someClaims(orgId), amount: 100 }),
    ];
    isAway = true;
    await expect(ledger.reserve({ claims: someClaims(orgId), amount: 1 })).rejects.toMatchObject({
      kind: 'unavailable',
    });
    const bill = ending.settle(completed(30));
    let delivered = 0;
    await expect(
      (async () => {
        for (; delivered < 100; delivered++) {
          streaming.progress(delivered, { output: delivered });
          await new Promise((resolve) => setTimeout(resolve, 25));
        }
      })(),
    ).rejects.toMatchObject({ code: 'usage.lease_lost' });
    isAway = false;
    expect(await bill).toEqual({ cost: 30, overrun: 0 });
    expect(await streaming.settle(completed(delivered - 1))).toEqual({ cost: delivered - 1, overrun: 0 });
    expect(await counterOf(db, budget)).toMatchObject({ spent: 29 + delivered, reserved: 0 });
  });

  test('a call that the database will never take fails alone', async () => {
    const ledger = await ledgers.open();
    const orgId = await db.organization();
    const good = await ledger.reserve({ claims: someClaims(orgId), amount: 10 });
    const bad = ledger.reserve({ claims: someClaims(orgId, { requestId: 'a\u0000b' }), amount: 10 });
    const [first, second] = await Promise.allSettled([bad, good.settle(completed(3))]);
    expect(first).toMatchObject({ status: 'rejected' });
    expect(second).toEqual({ status: 'fulfilled', value: { cost: 3, overrun: 0 } });
  });
});
