import type { Micros } from '../../../kernel/money.ts';
import { type SqlValue, statement, type Tx } from '../../../platform/db/index.ts';
import type { Statement } from '../../../platform/db/statement.ts';
import type { Budget, Period, ScopeKind, StandingBudget } from './model.ts';

type Row = {
  org_id: string;
  id: string;
  name: string;
  scope_kind: ScopeKind;
  scope_id: string;
  period: Period;
  limit_micros: number;
  thresholds: number[];
  created_by: string;
  version: number;
  created_at: Date;
  updated_at: Date;
};
type StandingRow = Row & { period_start: Date; spent_micros: number | null; reserved_micros: number | null };

const COLUMNS = `org_id, id, name, scope_kind, scope_id, period, limit_micros, thresholds, created_by, version, created_at,
  updated_at`;
const of = (table: string): string => COLUMNS.replace(/\w+/g, `${table}.$&`);
const WITH_STANDING = `select ${of('b')}, assay_period_start(b.period, now()) as period_start, c.spent_micros, c.reserved_micros
   from budgets b left join budget_counters c
     on c.org_id = b.org_id and c.budget_id = b.id and c.period_start = assay_period_start(b.period, now())`;

const insert = statement<Row>(
  'budgets.insert',
  `insert into budgets (org_id, id, name, scope_kind, scope_id, period, limit_micros, thresholds, created_by)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning ${COLUMNS}`,
);
// What the scope was billed in the running period before there was a budget. It may be more than the limit already.
const open = statement(
  'budgets.open',
  `with billed as (
     select coalesce(sum(u.cost_micros), 0)::bigint as micros from budgets b join usage_rollups u on u.org_id = b.org_id
     where b.org_id = $1 and b.id = $2 and u.hour >= assay_period_start(b.period, now()) and case b.scope_kind
       when 'organization' then true when 'team' then u.team_id = b.scope_id when 'project' then u.project_id = b.scope_id
       when 'key' then u.api_key_id = b.scope_id else u.agent_id = b.scope_id end
   )
   insert into budget_counters (org_id, budget_id, period_start, limit_micros, ceiling_micros, spent_micros)
   select b.org_id, b.id, assay_period_start(b.period, now()), b.limit_micros, greatest(b.limit_micros, billed.micros),
     billed.micros
   from budgets b, billed where b.org_id = $1 and b.id = $2`,
);
// Budgets of runs are nobody's to see or change.
const VISIBLE = `scope_kind <> 'run'`;
const byId = statement<StandingRow>(
  'budgets.by_id',
  `${WITH_STANDING} where b.org_id = $1 and b.id = $2 and b.${VISIBLE}`,
);
const lock = statement<Row>(
  'budgets.lock',
  `select ${COLUMNS} from budgets where org_id = $1 and id = $2 and ${VISIBLE} for update`,
);
const list = statement<StandingRow>(
  'budgets.list',
  `${WITH_STANDING} where b.org_id = $1 and b.${VISIBLE} and ($2::uuid is null or (b.created_at, b.id) <
     (select last.created_at, last.id from budgets last where last.org_id = $1 and last.id = $2))
   order by b.created_at desc, b.id desc limit $3`,
);
const update = statement<Row>(
  'budgets.update',
  `update budgets set name = $3, limit_micros = $4, thresholds = $5, version = version + 1, updated_at = now()
   where org_id = $1 and id = $2 returning ${COLUMNS}`,
);
// A limit below what is spent and reserved already closes the budget; the ceiling keeps what was promised before. What was
// told of is told of again, since it was of another limit.
const changeLimit = statement(
  'budgets.change_limit',
  `update budget_counters c set limit_micros = $3, ceiling_micros = greatest($3, c.spent_micros + c.reserved_micros),
     told_percent = 0, told_exceeded = false
   from budgets b where b.org_id = c.org_id and b.id = c.budget_id and c.org_id = $1 and c.budget_id = $2
     and c.period_start = assay_period_start(b.period, now())`,
);
const remove = statement<Row>(
  'budgets.delete',
  `delete from budgets where org_id = $1 and id = $2 returning ${COLUMNS}`,
);
const openOfRun = statement(
  'budgets.open_of_run',
  `with made as (
     insert into budgets (org_id, id, name, scope_kind, scope_id, period, limit_micros, created_by)
     values ($1, $2::uuid, 'run ' || $2::uuid, 'run', $2::uuid::text, 'total', $3, $4) returning org_id, id, limit_micros
   )
   insert into budget_counters (org_id, budget_id, period_start, limit_micros, ceiling_micros)
   select m.org_id, m.id, assay_period_start('total', now()), m.limit_micros, m.limit_micros from made m`,
);
const deletePast = statement<{ budget_id: string }>(
  'budgets.delete_past_counters',
  `delete from budget_counters where ctid in (select ctid from budget_counters
     where period_start < now() - interval '400 days' and period_start <> timestamptz 'epoch' limit 5000) returning budget_id`,
);

export type NewBudget = Omit<Budget, 'version' | 'createdAt' | 'updatedAt'>;

/** Adds a budget and opens it with what its scope has been billed in the running period. */
export async function insertBudget(tx: Tx, budget: NewBudget): Promise<void> {
  const { orgId, id, name, scope, period, limit, thresholds, createdBy } = budget;
  await tx.query(insert, [orgId, id, name, scope.kind, scope.id, period, limit, thresholds, createdBy]);
  tx.defer(open, [orgId, id]);
}

export type RunBudget = { orgId: string; runId: string; limit: Micros; createdBy: string };

/** Caps what a run may cost, from its beginning. It goes when the run is deleted. */
export const openRunBudget = (tx: Tx, { orgId, runId, limit, createdBy }: RunBudget): void =>
  tx.defer(openOfRun, [orgId, runId, limit, createdBy]);

export async function findBudget(tx: Tx, orgId: string, id: string): Promise<StandingBudget | null> {
  const [row] = await tx.query(byId, [orgId, id]);
  return row ? toStandingBudget(row) : null;
}

/** Finds a budget and locks its row until the transaction ends. */
export const lockBudget = (tx: Tx, orgId: string, id: string): Promise<Budget | null> => one(tx, lock, [orgId, id]);

export type BudgetPage = { orgId: string; after: string | null; limit: number };

/** Budgets of an organization, newest first. */
export async function listBudgets(tx: Tx, { orgId, after, limit }: BudgetPage): Promise<StandingBudget[]> {
  return (await tx.query(list, [orgId, after, limit])).map(toStandingBudget);
}

export type BudgetChange = Pick<Budget, 'name' | 'limit' | 'thresholds'>;

/** Changes a budget that is locked. The budget comes before its counter, as in every transaction that locks both. */
export async function updateBudget(tx: Tx, before: Budget, to: BudgetChange): Promise<void> {
  const { orgId, id } = before;
  await one(tx, update, [orgId, id, to.name, to.limit, to.thresholds]);
  if (to.limit !== before.limit) tx.defer(changeLimit, [orgId, id, to.limit]);
}

export const deleteBudget = (tx: Tx, { orgId, id }: Budget): Promise<Budget | null> => one(tx, remove, [orgId, id]);

/** Deletes a batch of counters of periods long past; says how many. */
export async function deletePastCounters(tx: Tx): Promise<number> {
  return (await tx.query(deletePast, [])).length;
}

async function one(tx: Tx, what: Statement<Row>, values: readonly SqlValue[]): Promise<Budget | null> {
  const [row] = await tx.query(what, values);
  return row ? toBudget(row) : null;
}

const toBudget = (row: Row): Budget => ({
  orgId: row.org_id,
  id: row.id,
  name: row.name,
  scope: { kind: row.scope_kind, id: row.scope_id },
  period: row.period,
  limit: row.limit_micros,
  thresholds: row.thresholds,
  createdBy: row.created_by,
  version: row.version,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

const toStandingBudget = (row: StandingRow): StandingBudget => ({
  budget: toBudget(row),
  standing: { periodStart: row.period_start, spent: row.spent_micros ?? 0, reserved: row.reserved_micros ?? 0 },
});
