import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { PageQuery } from './page.ts';

const Micros = z.int().meta({ description: 'Millionths of a US dollar.' });
const ScopeKind = z.enum(['organization', 'team', 'project', 'key', 'agent']);
const Period = z.enum(['day', 'week', 'month', 'total']);

export const Budget = z
  .object({
    id: z.uuid(),
    name: z.string(),
    scope: z.object({ kind: ScopeKind, id: z.string() }),
    period: Period.meta({ description: 'In UTC; weeks begin on Monday. `total` never resets.' }),
    period_start: z.iso.datetime(),
    resets_at: z.iso.datetime().nullable(),
    limit_micros: Micros,
    spent_micros: Micros.meta({ description: 'Billed in this period.' }),
    reserved_micros: Micros.meta({ description: 'Set aside for calls under way.' }),
    remaining_micros: Micros.meta({ description: 'What may still be set aside; 0 once nothing may.' }),
    thresholds: z.array(z.int()),
    created_by: z.string(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'Budget' });
export type Budget = z.infer<typeof Budget>;

const Name = z.string().trim().min(1).max(100);
/** A billion dollars: what a number still says exactly with room to spare. */
const Limit = z
  .int()
  .min(0)
  .max(1_000_000_000_000_000)
  .meta({ description: 'Millionths of a US dollar; 0 closes the budget.' });
const Thresholds = z
  .array(z.int().min(1).max(100))
  .max(20)
  .meta({ description: 'Percentages of the limit at which `budget.threshold` is told, once a period each.' });

export const NewBudget = z
  .strictObject({
    name: Name,
    scope: z
      .strictObject({ kind: ScopeKind, id: z.string().min(1).max(200).optional() })
      .meta({ description: 'Without an id: the organization of the request.' }),
    period: Period,
    limit_micros: Limit,
    thresholds: Thresholds.default([]),
  })
  .meta({ id: 'NewBudget' });
export type NewBudget = z.infer<typeof NewBudget>;

const BudgetChange = z
  .strictObject({ name: Name.optional(), limit_micros: Limit.optional(), thresholds: Thresholds.optional() })
  .refine((body) => Object.keys(body).length > 0, { message: 'give at least one field to change', path: [] })
  .meta({ id: 'BudgetChange' });

const Identified = z.object({ id: z.string().max(64) });
const OneBudget = enveloped(z.object({ budget: Budget }));

/** Budgets: caps that hold. */
export const budgetRoutes = {
  createBudget: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/budgets',
    operation: 'metering.budget.create',
    summary: 'Cap what may be spent in a period',
    body: NewBudget,
    answers: { 201: { description: 'The budget, with what was billed in the running period.', schema: OneBudget } },
  }),
  listBudgets: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/budgets',
    operation: 'metering.budget.list',
    summary: 'List budgets and how they stand',
    query: PageQuery,
    answers: {
      200: { description: 'A page, newest first.', schema: enveloped(z.object({ budgets: z.array(Budget) })) },
    },
  }),
  getBudget: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/budgets/{id}',
    operation: 'metering.budget.get',
    summary: 'Get a budget and how it stands',
    params: Identified,
    answers: { 200: { description: 'The budget. `ETag` names the version of its settings.', schema: OneBudget } },
  }),
  updateBudget: route({
    surface: 'control',
    method: 'PATCH',
    path: '/v1/budgets/{id}',
    operation: 'metering.budget.update',
    summary: 'Change a budget; `If-Match` holds the change to the version you read',
    params: Identified,
    body: BudgetChange,
    answers: { 200: { description: 'The changed budget.', schema: OneBudget } },
  }),
  deleteBudget: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/budgets/{id}',
    operation: 'metering.budget.delete',
    summary: 'Delete a budget; it holds nothing any more',
    params: Identified,
    answers: { 200: { description: 'The budget as it was.', schema: OneBudget } },
  }),
};
