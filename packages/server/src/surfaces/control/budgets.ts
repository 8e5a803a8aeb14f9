import { type Budget, controlRoutes as routes } from '@assay/contract';
import { type budgetOperations, remainingOf, resetOf, type StandingBudget } from '../../modules/metering/index.ts';
import type { Call } from '../../platform/operation.ts';
import { etagOf, expectedVersions } from '../http/etag.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Handler, Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { pageLinks } from './page-links.ts';

type Raw = Parameters<Handler<typeof routes.getBudget>>[2];

/** Budgets: `data.budget`, with how it stands in the running period. */
export function serveBudgets(surface: Surface, { operator }: HttpKit, of: ReturnType<typeof budgetOperations>): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.createBudget, async ({ body }, call, raw) => {
    const scope = { kind: body.scope.kind, id: body.scope.id ?? null };
    const { name, period, limit_micros: limit, thresholds } = body;
    return answerWith(call, raw, await run(of.createBudget, call, { name, scope, period, limit, thresholds }), 201);
  });

  surface.serve(routes.listBudgets, async ({ query }, call) => {
    const page = await run(of.listBudgets, call, { limit: query.limit, cursor: query.cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { budgets: page.items.map(encodeBudget) },
      links: pageLinks('/v1/budgets', { limit: query.limit }, page.nextCursor),
    });
  });

  surface.serve(routes.getBudget, async ({ params }, call, raw) =>
    answerWith(call, raw, await run(of.getBudget, call, params)),
  );

  surface.serve(routes.updateBudget, async ({ params, body }, call, raw) => {
    const { name, limit_micros: limit, thresholds } = body;
    const expected = expectedVersions(raw.request.headers);
    return answerWith(
      call,
      raw,
      await run(of.updateBudget, call, { id: params.id, expected, name, limit, thresholds }),
    );
  });

  surface.serve(routes.deleteBudget, async ({ params }, call, raw) => {
    const input = { id: params.id, expected: expectedVersions(raw.request.headers) };
    return answerWith(call, raw, await run(of.deleteBudget, call, input));
  });
}

function answerWith(call: Call, { reply }: Raw, standing: StandingBudget, status = 200) {
  const { id, version } = standing.budget;
  reply.header('etag', etagOf(version));
  return envelope(call, { status, data: { budget: encodeBudget(standing) }, links: { self: `/v1/budgets/${id}` } });
}

const encodeBudget = ({ budget, standing }: StandingBudget): Budget => ({
  id: budget.id,
  name: budget.name,
  scope: budget.scope,
  period: budget.period,
  period_start: standing.periodStart.toISOString(),
  resets_at: resetOf(budget.period, standing.periodStart)?.toISOString() ?? null,
  limit_micros: budget.limit,
  spent_micros: standing.spent,
  reserved_micros: standing.reserved,
  remaining_micros: remainingOf(budget.limit, standing),
  thresholds: [...budget.thresholds],
  created_by: budget.createdBy,
  created_at: budget.createdAt.toISOString(),
  updated_at: budget.updatedAt.toISOString(),
});
