import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { newId } from '../src/kernel/ids.ts';
import type { Micros } from '../src/kernel/money.ts';
import type { Budget, BudgetScope, Period } from '../src/modules/metering/budgets/model.ts';
import { Journal } from '../src/modules/metering/ledger/journal.ts';
import { Ledger, type LedgerOptions } from '../src/modules/metering/ledger/ledger.ts';
import type { Claims } from '../src/modules/metering/ledger/model.ts';
import { makeUsagePartitions } from '../src/modules/metering/usage/store-partitions.ts';
import type { TestDatabase } from './database.ts';
import { recordingLog } from './recording-log.ts';
import { until } from './until.ts';

/** A folder for journals, and ledgers on a test database. */
export type TestLedgers = {
  readonly folder: string;
  readonly log: ReturnType<typeof recordingLog>;
  open(options?: Partial<LedgerOptions>): Promise<Ledger>;
  /** Waits until what has ended is billed. */
  billed(): Promise<void>;
};

export function testLedgers(db: TestDatabase): TestLedgers {
  const log = recordingLog();
  let folder = '';
  const opened: Ledger[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'assay-journals-'));
    await db.system.statements({ orgId: null }, makeUsagePartitions);
  });
  afterAll(async () => {
    for (const ledger of opened) await ledger[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    get folder() {
      return folder;
    },
    log,
    async open(options = {}) {
      const ledger = new Ledger({
        transaction: (work) => db.system.transaction({ orgId: null }, work),
        told: () => {},
        log: log as unknown as LedgerOptions['log'],
        journal: await Journal.start(folder),
        ...options,
      });
      opened.push(ledger);
      return ledger;
    },
    async billed() {
      await Promise.all(opened.map((ledger) => ledger.billed()));
    },
  };
}

/** A call of a key of an organization; say what matters otherwise. */
export const someClaims = (orgId: string, overrides: Partial<Claims> = {}): Claims => ({
  orgId,
  teamId: null,
  projectId: null,
  principal: { kind: 'api_key', id: newId() },
  apiKeyId: null,
  agentId: null,
  work: null,
  provider: 'echo',
  model: 'echo',
  priceVersion: 'chosen',
  isBatch: false,
  tags: {},
  requestId: null,
  ...overrides,
});

export type BudgetSeed = {
  orgId: string;
  limit: Micros;
  scope?: BudgetScope;
  period?: Period;
  thresholds?: number[];
  name?: string;
};

/** Puts a budget into the table; gives its id. */
export async function aBudget(db: TestDatabase, seed: BudgetSeed): Promise<Budget['id']> {
  const { orgId, limit, scope = { kind: 'organization', id: orgId }, period = 'month', thresholds = [] } = seed;
  const id = newId();
  await db.owner.query(
    `insert into budgets (org_id, id, name, scope_kind, scope_id, period, limit_micros, thresholds, created_by)
     values ($1, $2, $3, $4, $5, $6, $7, $8, 'test')`,
    [orgId, id, seed.name ?? 'A budget', scope.kind, scope.id, period, limit, thresholds],
  );
  return id;
}

/** Waits until what has ended of an organization's calls is billed, whichever ledger they went through. */
export const untilBilled = (db: TestDatabase, orgId: string): Promise<unknown> =>
  until('nothing is reserved', async () => {
    const { rowCount } = await db.owner.query('select from reservations where org_id = $1', [orgId]);
    return rowCount === 0;
  });

export type CounterSeen = { spent: number; reserved: number; ceiling: number; limit: number };

/** How a budget stands in its newest period. */
export async function counterOf(db: TestDatabase, budgetId: string): Promise<CounterSeen> {
  const { rows } = await db.owner.query(
    `select spent_micros::float8 as spent, reserved_micros::float8 as reserved, ceiling_micros::float8 as ceiling,
       limit_micros::float8 as limit
     from budget_counters where budget_id = $1 order by period_start desc limit 1`,
    [budgetId],
  );
  return rows[0] as CounterSeen;
}
