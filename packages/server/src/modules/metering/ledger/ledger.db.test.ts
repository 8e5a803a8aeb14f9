import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../../../test/database.ts';
import { aBudget, counterOf, someClaims, testLedgers } from '../../../../test/metering.ts';
import { newId } from '../../../kernel/ids.ts';

const db = testDatabase();
const ledgers = testLedgers(db);

const completed = (cost: number) => ({ cost, quantities: { output: cost }, outcome: 'completed' as const });

const recordsOf = async (orgId: string) => {
  const { rows } = await db.owner.query(
    `select id, cost_micros::float8 as cost, overrun_micros::float8 as overrun, output_tokens::float8 as output, outcome,
       is_estimated, provider, model from usage_records where org_id = $1 order by at`,
    [orgId],
  );
  return rows;
};
const eventsOf = async (orgId: string) => {
  const { rows } = await db.owner.query('select type, subject, data from events where org_id = $1 order by xid, id', [
    orgId,
  ]);
  return rows;
};

describe('a reservation', () => {
  test('is held on every budget that applies, and is what the call cost once it is settled', async () => {
    const ledger = await ledgers.open();
    const orgId = await db.organization();
    const [teamId, keyId] = [newId(), newId()];
    const organization = await aBudget(db, { orgId, limit: 1_000 });
    const daily = await aBudget(db, { orgId, limit: 500, period: 'day' });
    const team = await aBudget(db, { orgId, limit: 400, scope: { kind: 'team', id: teamId } });
    const key = await aBudget(db, { orgId, limit: 300, scope: { kind: 'key', id: keyId } });
    const other = await aBudget(db, { orgId, limit: 10, scope: { kind: 'team', id: newId() } });

    const hold = await ledger.reserve({ claims: someClaims(orgId, { teamId, apiKeyId: keyId }), amount: 100 });
    expect(hold.budgetLeft).toBe(200);
    for (const budget of [organization, daily, team, key])
      expect(await counterOf(db, budget)).toMatchObject({ spent: 0, reserved: 100 });
    expect(await counterOf(db, other)).toBeUndefined();

    expect(await hold.settle(completed(42))).toEqual({ cost: 42, overrun: 0 });
    for (const budget of [organization, daily, team, key])
      expect(await counterOf(db, budget)).toMatchObject({ spent: 42, reserved: 0 });
    expect(await recordsOf(orgId)).toMatchObject([
      { id: hold.admission.id, cost: 42, output: 42, outcome: 'completed' },
    ]);
  });

  test('that does not fit one budget is set aside on none, and the refusal says which, how much and until when', async () => {
    const ledger = await ledgers.open();
    const orgId = await db.organization();
    const keyId = newId();
    const wide = await aBudget(db, { orgId, limit: 1_000_000 });
    await aBudget(db, { orgId, limit: 150, scope: { kind: 'key', id: keyId }, name: 'Nightly run', period: 'day' });
    const claims = someClaims(orgId, { apiKeyId: keyId });
    const hold = await ledger.reserve({ claims, amount: 100 });
    await expect(ledger.reserve({ claims, amount: 51 })).rejects.toMatchObject({
      kind: 'over_budget',
      code: 'budget.exceeded',
      message: expect.stringMatching(
        /^The budget "Nightly run" allows \$0\.00015 a day; \$0\.00 are spent and \$0\.0001 reserved .* resets at \d{4}-\d\d-\d\dT00:00:00Z/,
      ),
    });
    expect(await counterOf(db, wide)).toMatchObject({ spent: 0, reserved: 100 });
    await ledger.reserve({ claims, amount: 50 });
    await hold.release();
    expect(await counterOf(db, wide)).toMatchObject({ spent: 0, reserved: 50 });
    expect(await recordsOf(orgId)).toEqual([]);
  });

  describe('whose amount could be counted more closely', () => {
    const counting = (amount: number, least = 1) => {
      const recount = {
        least,
        counts: 0,
        amount: async () => {
          recount.counts += 1;
          return amount;
        },
      };
      return recount;
    };

    test('is not counted where the amount fits as it is', async () => {
      const ledger = await ledgers.open();
      const orgId = await db.organization();
      const budget = await aBudget(db, { orgId, limit: 100 });
      const recount = counting(25);
      await ledger.reserve({ claims: someClaims(orgId), amount: 100, recount });
      expect(recount.counts).toBe(0);
      expect(await counterOf(db, budget)).toMatchObject({ reserved: 100 });
    });

    test('is counted where the amount does not fit, and no budget is told of as exceeded when the count does', async () => {
      const ledger = await ledgers.open();
      const orgId = await db.organization();
      const budget = await aBudget(db, { orgId, limit: 100 });
      const hold = await ledger.reserve({ claims: someClaims(orgId), amount: 101, recount: counting(25) });
      expect(hold.amount).toBe(25);
      expect(await counterOf(db, budget)).toMatchObject({ reserved: 25 });
      expect(await eventsOf(orgId)).toEqual([]);
    });

    test('is refused by what it counts where that does not fit either', async () => {
      const ledger = await ledgers.open();
      const orgId = await db.organization();
      const budget = await aBudget(db, { orgId, limit: 100 });
      const reserving = ledger.reserve({ claims: someClaims(orgId), amount: 500, recount: counting(110) });
      await expect(reserving).rejects.toMatchObject({
        code: 'budget.exceeded',
        message: /\$0\.00011 that this may cost/,
      });
      expect(await counterOf(db, budget)).toMatchObject({ reserved: 0 });
      expect(await eventsOf(orgId)).toMatchObject([{ type: 'budget.exceeded' }]);
    });

    test('is not counted where no count could make it fit', async () => {
      const ledger = await ledgers.open();
      const orgId = await db.organization();
      await aBudget(db, { orgId, limit: 100 });
      const recount = counting(150, 101);
      const reserving = ledger.reserve({ claims: someClaims(orgId), amount: 500, recount });
      await expect(reserving).rejects.toMatchObject({ code: 'budget.exceeded' });
      expect(recount.counts).toBe(0);
      expect(await eventsOf(orgId)).toMatchObject([{ type: 'budget.exceeded' }]);
    });
  });

  test('of nothing fits a budget that is used up, and any other does not', async () => {
    const ledger = await ledgers.open();
    const orgId = await db.organization();
    await aBudget(db, { orgId, limit: 0 });
    await expect(ledger.reserve({ claims: someClaims(orgId), amount: 1 })).rejects.toMatchObject({
      kind: 'over_budget',
    });
    const free = await ledger.reserve({ claims: someClaims(orgId), amount: 0 });
    expect(await free.settle(completed(0))).toEqual({ cost: 0, overrun: 0 });
  });

  test('without a price is refused where a budget applies, and recorded at nothing where none does', async () => {
    const ledger = await ledgers.open();
    const [capped, open] = [await db.organization(), await db.organization()];
    await aBudget(db, { orgId: capped, limit: 1_000 });
    await expect(ledger.reserve({ claims: someClaims(capped), amount: null })).rejects.toMatchObject({
      kind: 'invalid',
      code: 'price.missing',
    });
    const hold = await ledger.reserve({ claims: someClaims(open), amount: null });
    expect(hold.budgetLeft).toBeNull();
    await hold.settle({ cost: 0, quantities: { output: 7 }, outcome: 'completed' });
    expect(await recordsOf(open)).toMatchObject([{ cost: 0, output: 7 }]);
  });

  test('in one batch with those of others is decided for itself', async () => {
    const ledger = await ledgers.open();
    const [poor, rich] = [await db.organization(), await db.organization()];
    const [small, large] = [
      await aBudget(db, { orgId: poor, limit: 3 }),
      await aBudget(db, { orgId: rich, limit: 1_000 }),
    ];
    const tried = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => ledger.reserve({ claims: someClaims(n % 2 ? poor : rich), amount: 1 })),
    );
    expect(tried.filter(({ status }) => status === 'rejected')).toHaveLength(7);
    expect(await counterOf(db, small)).toMatchObject({ reserved: 3 });
    expect(await counterOf(db, large)).toMatchObject({ reserved: 10 });
  });
});

describe('a settlement', () => {
  test('is made once, however often it is told of', async () => {
    const ledger = await ledgers.open();
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 1_000 });
    const hold = await ledger.reserve({ claims: someClaims(orgId), amount: 100 });
    const { id } = hold.admission;
    const call = { kind: 'settle', orgId, id, ...completed(60), isEstimated: false, attached: {} } as const;
    const together = await Promise.all([ledger.submit(call), ledger.submit(call), ledger.submit(call)]);
    expect(together).toEqual([
      { outcome: 'settled', cost: 60, overrun: 0 },
      { outcome: 'already', cost: 60 },
      { outcome: 'already', cost: 60 },
    ]);
    expect(await ledger.submit({ ...call, cost: 99 })).toEqual({ outcome: 'already', cost: 60 });
    expect(await ledger.submit({ kind: 'release', orgId, id, attached: {} })).toEqual({ outcome: 'already', cost: 60 });
    expect(await counterOf(db, budget)).toMatchObject({ spent: 60, reserved: 0 });
    expect(await recordsOf(orgId)).toHaveLength(1);
  });

  test('can be waited for by those who ask what was billed', async () => {
    const ledger = await ledgers.open();
    const orgId = await db.organization();
    await ledger.billed();
    const holds = await Promise.all([1, 2, 3].map(() => ledger.reserve({ claims: someClaims(orgId), amount: 100 })));
    const settled = holds.map((hold) => hold.settle(completed(60)));
    await ledger.billed();
    expect(await recordsOf(orgId)).toHaveLength(3);
    await Promise.all(settled);
  });

  test('of a released reservation bills nothing', async () => {
    const ledger = await ledgers.open();
    const orgId = await db.organization();
    const hold = await ledger.reserve({ claims: someClaims(orgId), amount: 100 });
    await hold.release();
    const settle = { kind: 'settle', ...completed(5), isEstimated: false, attached: {} } as const;
    expect(await ledger.submit({ ...settle, orgId, id: hold.admission.id })).toEqual({
      outcome: 'already',
      cost: null,
    });
    expect(await recordsOf(orgId)).toEqual([]);
  });

  test('beyond the reservation is billed up to it; the rest is recorded and told of', async () => {
    const ledger = await ledgers.open();
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 100 });
    const hold = await ledger.reserve({ claims: someClaims(orgId), amount: 100 });
    expect(await hold.settle(completed(130))).toEqual({ cost: 100, overrun: 30 });
    expect(await counterOf(db, budget)).toMatchObject({ spent: 100, reserved: 0 });
    expect(await recordsOf(orgId)).toMatchObject([{ cost: 100, overrun: 30 }]);
    expect(await eventsOf(orgId)).toContainEqual(
      expect.objectContaining({ type: 'budget.overrun', data: expect.objectContaining({ overrun_micros: 30 }) }),
    );
  });

  test('names what served the call, where that is not what was asked for', async () => {
    const ledger = await ledgers.open();
    const orgId = await db.organization();
    const hold = await ledger.reserve({ claims: someClaims(orgId), amount: 100 });
    const served = { provider: 'fallback', model: 'small', priceVersion: 'v2' };
    await hold.settle({ ...completed(1), served });
    expect(await recordsOf(orgId)).toMatchObject([{ provider: 'fallback', model: 'small' }]);
  });

  test('belongs to the period of its reservation, also when the next one has begun', async () => {
    const ledger = await ledgers.open();
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 100, period: 'day' });
    const hold = await ledger.reserve({ claims: someClaims(orgId), amount: 100 });
    const yesterday = `date_trunc('day', now(), 'UTC') - interval '1 day'`;
    await db.owner.query(`update budget_counters set period_start = ${yesterday} where budget_id = $1`, [budget]);
    await db.owner.query(
      `update reservations set held = jsonb_build_array(jsonb_build_array($1::text, to_char((${yesterday}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
       where org_id = $2`,
      [budget, orgId],
    );
    const next = await ledger.reserve({ claims: someClaims(orgId), amount: 70 });
    const { id } = hold.admission;
    // As who finds it does, and not by what its holder remembers.
    await ledger.submit({ kind: 'settle', orgId, id, ...completed(90), isEstimated: false, attached: {} });
    await next.settle(completed(10));
    const { rows } = await db.owner.query(
      'select spent_micros::float8 as spent, reserved_micros::float8 as reserved from budget_counters where budget_id = $1 order by period_start',
      [budget],
    );
    expect(rows).toEqual([
      { spent: 90, reserved: 0 },
      { spent: 10, reserved: 0 },
    ]);
  });

  test('of a budget that was deleted meanwhile is recorded all the same', async () => {
    const ledger = await ledgers.open();
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 100 });
    const hold = await ledger.reserve({ claims: someClaims(orgId), amount: 100 });
    await db.owner.query('delete from budgets where id = $1', [budget]);
    await hold.settle(completed(90));
    expect(await recordsOf(orgId)).toMatchObject([{ cost: 90 }]);
  });
});

describe('a budget tells', () => {
  test('of each threshold once a period, the highest of those reached together, and of being used up once', async () => {
    const ledger = await ledgers.open();
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 100, thresholds: [50, 80, 100] });
    const spend = async (cost: number) => {
      const hold = await ledger.reserve({ claims: someClaims(orgId), amount: cost });
      await hold.settle(completed(cost));
    };
    for (const cost of [49, 1, 10, 25]) await spend(cost);
    for (let i = 0; i < 2; i++) await expect(spend(16)).rejects.toMatchObject({ kind: 'over_budget' });
    await spend(15);
    expect((await eventsOf(orgId)).map(({ type, subject, data }) => [type, subject === budget, data.percent])).toEqual([
      ['budget.threshold', true, 50],
      ['budget.threshold', true, 80],
      ['budget.exceeded', true, undefined],
      ['budget.threshold', true, 100],
    ]);
  });
});

describe('a billable fact', () => {
  test('is under way once and billed once, whoever tries it again', async () => {
    const [here, there] = [await ledgers.open(), await ledgers.open()];
    const orgId = await db.organization();
    const request = { claims: someClaims(orgId), amount: 10, fact: 'job:1:attempt:1' };
    const hold = await here.reserve(request);
    await expect(there.reserve(request)).rejects.toMatchObject({ kind: 'conflict', code: 'usage.already_billed' });
    await hold.settle(completed(10));
    await expect(there.reserve(request)).rejects.toMatchObject({ code: 'usage.already_billed' });
    const again = await there.reserve({ ...request, fact: 'job:1:attempt:2' });
    await again.release();
    await (await here.reserve({ ...request, fact: 'job:1:attempt:2' })).settle(completed(1));
    expect((await recordsOf(orgId)).map(({ cost }) => cost)).toEqual([10, 1]);
  });
});

test('the database itself refuses a counter above its ceiling', async () => {
  const orgId = await db.organization();
  const ledger = await ledgers.open();
  const budget = await aBudget(db, { orgId, limit: 100 });
  await ledger.reserve({ claims: someClaims(orgId), amount: 100 });
  const raise = 'update budget_counters set reserved_micros = reserved_micros + 1 where budget_id = $1';
  await expect(db.owner.query(raise, [budget])).rejects.toThrow(/budget_counters__held/);
});
