import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { testDatabase } from '../../../../test/database.ts';
import { aBudget, someClaims, testLedgers } from '../../../../test/metering.ts';
import { testServer } from '../../../../test/test-server.ts';
import { AppError } from '../../../kernel/errors.ts';
import { newId } from '../../../kernel/ids.ts';
import { statement, type Tx } from '../../../platform/db/index.ts';
import type { Hold } from './hold.ts';
import { Journal } from './journal.ts';
import type { Ledger } from './ledger.ts';
import { recoverFromJournals } from './recovery.ts';

/*
 * The promise of the ledger, against a real database: callers who abort, release, settle twice, settle too much or never,
 * processes that crash, transactions that fail at any statement or whose commit nobody hears of.
 */
const RUNS = Number(process.env['ASSAY_LEDGER_RUNS'] ?? 5);

const db = testDatabase();
const ledgers = testLedgers(db);

const server = testServer();
const ownPid = statement<{ pid: number }>('test.own_pid', 'select pg_backend_pid() as pid');
const unavailable = (): AppError => new AppError('unavailable', 'test.unavailable', 'The test says so.');

type Fault = { at: number; kind: 'throw' | 'kill' | 'unheard' };

/** Transactions that fail where the script says, and all of them once the process is dead. */
function unreliable(faults: Fault[]) {
  const state = { isDead: false };
  const transaction = async <Result>(work: (tx: Tx) => Promise<Result>): Promise<Result> => {
    if (state.isDead) throw unavailable();
    const fault = faults.pop();
    const result = await db.system.transaction({ orgId: null }, (tx) => work(fault ? failing(tx, fault) : tx));
    if (fault?.kind === 'unheard') throw unavailable();
    return result;
  };
  return { state, transaction };
}

function failing(tx: Tx, fault: Fault): Tx {
  let seen = 0;
  const query: Tx['query'] = async (of, values) => {
    if (fault.kind !== 'unheard' && seen++ === fault.at) {
      if (fault.kind === 'throw') throw unavailable();
      await server.terminate((await tx.query(ownPid, []))[0]?.pid ?? 0);
    }
    return tx.query(of, values);
  };
  const defer: Tx['defer'] = (of, values) => {
    if (fault.kind === 'throw' && seen++ === fault.at) throw unavailable();
    tx.defer(of, values);
  };
  const pair: Tx['pair'] = async (first, second) => [
    await query(first.statement, first.values),
    await query(second.statement, second.values),
  ];
  return { query, pair, defer, onCommit: (effect) => tx.onCommit(effect) };
}

const calls = fc.record({
  amount: fc.integer({ min: 1, max: 400 }),
  /** What each piece adds, in percent of the amount. */
  pieces: fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 5 }),
  end: fc.constantFrom('settle', 'settle', 'settle', 'twice', 'more', 'release', 'forget', 'late'),
  scope: fc.constantFrom('key', 'team', 'organization'),
});
type Script = typeof calls extends fc.Arbitrary<infer Value> ? Value : never;
const faults = fc.array(
  fc.record({ at: fc.nat(7), kind: fc.constantFrom<Fault['kind'][]>('throw', 'kill', 'unheard') }),
  { maxLength: 12 },
);
const processes = fc.array(
  fc.record({ calls: fc.array(calls, { minLength: 32, maxLength: 48 }), faults, dies: fc.boolean() }),
  {
    minLength: 2,
    maxLength: 3,
  },
);

/** One call from reservation to end; what it delivered goes to `truth` at the moment of delivery. */
async function play(
  ledger: Ledger,
  script: Script,
  claims: Parameters<typeof someClaims>[1],
  orgId: string,
  truth: Map<string, number>,
) {
  let hold: Hold;
  try {
    hold = await ledger.reserve({ claims: someClaims(orgId, claims), amount: script.amount });
  } catch (thrown) {
    expect(thrown).toMatchObject({ kind: expect.stringMatching(/^(over_budget|unavailable|internal)$/) });
    return;
  }
  const { id } = hold.admission;
  let cost = 0;
  for (const percent of script.pieces) {
    const next = Math.min(script.amount, cost + Math.floor((script.amount * percent) / 100));
    try {
      hold.progress(next, { output: next });
    } catch {
      return;
    }
    cost = next;
    truth.set(id, cost);
    await turn();
  }
  if (script.end === 'forget') return;
  if (script.end === 'release' && cost === 0) {
    await hold.release().catch(() => {});
    return;
  }
  const billed = script.end === 'more' ? script.amount + 50 : cost;
  const bill = { cost: billed, quantities: { output: cost }, outcome: 'completed' as const };
  const settle = { kind: 'settle', orgId, id, ...bill, isEstimated: false, attached: {} } as const;
  if (script.end === 'late') await turn();
  const first = hold.settle(bill);
  const isWritten = await Promise.race([
    first.then(
      () => true,
      (error) => !/journal is closed/.test(error.message),
    ),
    turn(true),
  ]);
  if (isWritten) truth.set(id, Math.min(billed, script.amount));
  await Promise.allSettled([first, ...(script.end === 'twice' ? [ledger.submit(settle)] : [])]);
}

/** What must be so at every commit, as one statement sees it. */
async function look(orgId: string): Promise<string[]> {
  const { rows } = await db.system.statements({ orgId: null }, async (tx) => ({
    rows: await tx.query(inSight, [orgId]),
  }));
  return rows.flatMap((row) => {
    const wrong: string[] = [];
    if (row.spent + row.reserved > row.cap) wrong.push(`${row.name}: ${row.spent} + ${row.reserved} > ${row.cap}`);
    if (row.reserved !== row.open) wrong.push(`${row.name}: ${row.reserved} reserved, ${row.open} in reservations`);
    if (row.spent !== row.billed) wrong.push(`${row.name}: ${row.spent} spent, ${row.billed} in records`);
    if (row.billed !== row.rolled) wrong.push(`${row.name}: ${row.billed} in records, ${row.rolled} in rollups`);
    return wrong;
  });
}
type Seen = {
  name: string;
  cap: number;
  spent: number;
  reserved: number;
  open: number;
  billed: number;
  rolled: number;
};
const inSight = statement<Seen>(
  'test.in_sight',
  `select b.name, b.limit_micros as cap, c.spent_micros as spent, c.reserved_micros as reserved,
     (select coalesce(sum(r.amount_micros), 0)::bigint from reservations r
      where r.org_id = b.org_id and r.held::jsonb @> jsonb_build_array(jsonb_build_array(b.id))) as open,
     (select coalesce(sum(u.cost_micros), 0)::bigint from usage_records u where u.org_id = b.org_id and
        case b.scope_kind when 'team' then u.team_id = b.scope_id when 'key' then u.api_key_id = b.scope_id else true end) as billed,
     (select coalesce(sum(u.cost_micros), 0)::bigint from usage_rollups u where u.org_id = b.org_id and
        case b.scope_kind when 'team' then u.team_id = b.scope_id when 'key' then u.api_key_id = b.scope_id else true end) as rolled
   from budgets b join budget_counters c on c.org_id = b.org_id and c.budget_id = b.id where b.org_id = $1`,
);

test('spent and reserved are within every cap at every commit, and what is spent in the end is what was delivered', {
  timeout: 60_000 + RUNS * 20_000,
}, async () => {
  const property = fc.asyncProperty(processes, async (scripts) => {
    const orgId = await db.organization();
    const [teamId, apiKeyId] = [newId(), newId()];
    await aBudget(db, { orgId, limit: 9_000, name: 'organization' });
    await aBudget(db, { orgId, limit: 6_000, name: 'team', scope: { kind: 'team', id: teamId }, period: 'week' });
    await aBudget(db, { orgId, limit: 3_000, name: 'key', scope: { kind: 'key', id: apiKeyId }, period: 'total' });
    const claimsOf = { organization: {}, team: { teamId }, key: { teamId, apiKeyId } } as const;
    const truth = new Map<string, number>();

    let isOver = false;
    const watched = (async () => {
      const wrong: string[] = [];
      for (let looks = 0; !isOver || looks === 0; looks++) wrong.push(...(await look(orgId)));
      return wrong;
    })();

    const runs = scripts.map(async ({ calls: planned, faults: failures, dies }) => {
      const { state, transaction } = unreliable([...failures]);
      const journal = await Journal.start(ledgers.folder);
      const ledger = await ledgers.open({ transaction, journal });
      const played = planned.map((script) => play(ledger, script, claimsOf[script.scope], orgId, truth));
      await (dies ? Promise.race(played) : Promise.all(played));
      // Also of a process that ends in good order some calls were forgotten: its successor finds them.
      state.isDead = true;
      await ledger[Symbol.asyncDispose]();
      await Promise.all(played);
      buryOwnerOf(journal);
    });
    await Promise.all(runs);
    isOver = true;
    expect(await watched).toEqual([]);

    const successor = await ledgers.open();
    const statements = <Result>(work: (tx: Tx) => Promise<Result>) => db.system.statements({ orgId: null }, work);
    await recoverFromJournals(ledgers.folder, { ledger: successor, statements, log: ledgers.log as never });
    expect(await look(orgId)).toEqual([]);
    const { rows } = await db.owner.query<{ id: string; cost: number }>(
      'select id, cost_micros::float8 as cost from usage_records where org_id = $1',
      [orgId],
    );
    const billed = new Map(rows.map(({ id, cost }) => [id, cost]));
    const delivered = [...truth].filter(([id, cost]) => cost > 0 || billed.has(id));
    expect(new Map(rows.filter(({ cost }) => cost > 0).map(({ id, cost }) => [id, cost]))).toEqual(
      new Map(delivered.filter(([, cost]) => cost > 0)),
    );
    const { rows: left } = await db.owner.query('select id from reservations where org_id = $1', [orgId]);
    expect(left).toEqual([]);
  });
  await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
});

/** As if its process had been killed: the file names a process that is gone. */
function buryOwnerOf({ nodeId }: Journal): void {
  try {
    writeFileSync(join(ledgers.folder, `${nodeId}.journal`), '0 gone\n', { flag: 'r+' });
  } catch (error) {
    // Nothing was left to settle, and the journal went with its process.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
