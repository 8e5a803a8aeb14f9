import { isUuid, newId } from '../../../kernel/ids.ts';
import type { Micros } from '../../../kernel/money.ts';
import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import { assertExpected, type Expected } from '../../../kernel/precondition.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { budgetErrors } from '../errors.ts';
import type { Budget, BudgetScope, Period, ScopeKind, StandingBudget } from './model.ts';
import * as store from './store.ts';

export type BudgetServices = {
  /** Whether the organization has the team or key that a budget is for; other scopes have no list to look in yet. */
  scopeExists(tx: Tx, orgId: string, scope: BudgetScope): Promise<boolean>;
  /** Resolves when calls that have been answered are billed. */
  billed(): Promise<void>;
};

export type NewBudgetRequest = {
  name: string;
  scope: { kind: ScopeKind; id: string | null };
  period: Period;
  limit: Micros;
  thresholds: readonly number[];
};
/** What is left out stays as it is. */
export type BudgetPatch = {
  id: string;
  expected: Expected;
  name?: string | undefined;
  limit?: Micros | undefined;
  thresholds?: readonly number[] | undefined;
};
export type ChangedBudget = StandingBudget & { before: Budget };

const READ = { scope: 'budgets:read', effect: 'read', rate: 'control', audit: null } as const;

const listBudgets = ({ billed }: BudgetServices) =>
  operation({
    ...READ,
    name: 'metering.budget.list',
    summary: 'List budgets with what is spent, reserved and left in the running period.',
    async run(context, input: { limit: number; cursor: string | null }): Promise<Page<StandingBudget>> {
      const [after = null] = input.cursor === null ? [] : decodeCursor(input.cursor, [isUuid]);
      await billed();
      const found = await store.listBudgets(context.tx, { orgId: orgOf(context), after, limit: input.limit + 1 });
      const items = found.slice(0, input.limit);
      const last = items.at(-1);
      return { items, nextCursor: found.length > input.limit && last ? encodeCursor([last.budget.id]) : null };
    },
  });

const getBudget = ({ billed }: BudgetServices) =>
  operation({
    ...READ,
    name: 'metering.budget.get',
    summary: 'Get one budget with what is spent, reserved and left in the running period.',
    async run(context, input: { id: string }): Promise<StandingBudget> {
      await billed();
      return requireStanding(context, input.id);
    },
  });

const createBudget = ({ scopeExists }: BudgetServices) =>
  operation({
    name: 'metering.budget.create',
    summary: 'Cap what an organization, team, project, key or agent may spend in a period.',
    scope: 'budgets:write',
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'budget.created',
      target: (_input: NewBudgetRequest, { budget }: StandingBudget) => targetOf(budget),
      detail: (_input, { budget }) => ({ after: describe(budget) }),
    },
    async run(context, input): Promise<StandingBudget> {
      const { tx, by } = context;
      const orgId = orgOf(context);
      const { name, period, limit } = input;
      const scope = await requireScope(input.scope, orgId, (known) => scopeExists(tx, orgId, known));
      const thresholds = inOrder(input.thresholds);
      const id = newId();
      await store.insertBudget(tx, { orgId, id, name, scope, period, limit, thresholds, createdBy: by.id });
      return requireStanding(context, id);
    },
  });

const updateBudget = operation({
  name: 'metering.budget.update',
  summary: 'Change the name, limit or thresholds of a budget. A limit below what is spent closes it.',
  scope: 'budgets:write',
  effect: 'create',
  rate: 'control',
  audit: {
    action: 'budget.updated',
    target: (_input: BudgetPatch, { budget }: ChangedBudget) => targetOf(budget),
    detail: (_input, { before, budget }) => ({ before: describe(before), after: describe(budget) }),
  },
  async run(context, input): Promise<ChangedBudget> {
    const before = await requireLocked(context, input);
    const { name = before.name, limit = before.limit, thresholds = before.thresholds } = input;
    await store.updateBudget(context.tx, before, { name, limit, thresholds: inOrder(thresholds) });
    return { before, ...(await requireStanding(context, input.id)) };
  },
});

const deleteBudget = operation({
  name: 'metering.budget.delete',
  summary: 'Delete a budget. What it held is held no longer; usage records stay.',
  scope: 'budgets:write',
  // It ends a limit, not work: whoever is behind with paying must not lift their caps.
  effect: 'create',
  rate: 'control',
  audit: {
    action: 'budget.deleted',
    target: (_input: { id: string; expected: Expected }, { budget }: StandingBudget) => targetOf(budget),
    detail: (_input, { budget }) => ({ before: describe(budget) }),
  },
  async run(context, input): Promise<StandingBudget> {
    const budget = await requireLocked(context, input);
    const standing = await requireStanding(context, input.id);
    await store.deleteBudget(context.tx, budget);
    return standing;
  },
});

export const budgetOperations = (services: BudgetServices) =>
  ({
    createBudget: createBudget(services),
    listBudgets: listBudgets(services),
    getBudget: getBudget(services),
    updateBudget,
    deleteBudget,
  }) satisfies Record<string, AnyOperation>;

const orgOf = ({ by }: Pick<Context, 'by'>): string => String(by.orgId);

const notFound = (): Error => budgetErrors.not_found('There is no budget with this id.');

async function requireStanding(context: Context, id: string): Promise<StandingBudget> {
  const found = isUuid(id) ? await store.findBudget(context.tx, orgOf(context), id) : null;
  if (!found) throw notFound();
  return found;
}

async function requireLocked(context: Context, { id, expected }: { id: string; expected: Expected }): Promise<Budget> {
  const budget = isUuid(id) ? await store.lockBudget(context.tx, orgOf(context), id) : null;
  if (!budget) throw notFound();
  assertExpected(expected, budget.version);
  return budget;
}

async function requireScope(
  { kind, id }: NewBudgetRequest['scope'],
  orgId: string,
  exists: (scope: BudgetScope) => Promise<boolean>,
): Promise<BudgetScope> {
  if (kind === 'organization') {
    if (id === null || id === orgId) return { kind, id: orgId };
    throw unknownScope('A budget of the organization is of the organization of the request: leave `scope.id` out.');
  }
  if (id === null) throw unknownScope(`Say which ${kind} the budget is for: \`scope.id\`.`);
  if (await exists({ kind, id })) return { kind, id };
  throw unknownScope(`Your organization has no ${kind} with the id ${id}. List them, and use the id of one.`);
}

const unknownScope = (message: string): Error =>
  budgetErrors.scope_unknown(message, { faults: [{ field: 'scope.id', constraint: 'known', message }] });

const inOrder = (thresholds: readonly number[]): number[] => [...new Set(thresholds)].sort((a, b) => a - b);

const targetOf = ({ id }: Budget) => ({ type: 'budget', id });

const describe = (budget: Budget): Record<string, unknown> => ({
  scope: budget.scope,
  period: budget.period,
  limit_micros: budget.limit,
  thresholds: budget.thresholds,
});
