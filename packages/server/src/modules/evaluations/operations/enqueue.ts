import type { EvaluationId } from '../../../kernel/ids.ts';
import type { Context } from '../../../platform/operation.ts';
import { type Evaluation, queuePosition } from '../model.ts';
import { readBacklog } from '../reads.ts';
import { type EvaluationServices, orgOf } from '../services.ts';
import { insertEvaluations, type NewEvaluation } from '../store.ts';

/** What a submission answers. `ended` is there when the caller waited, and the end came in time. */
export type Submitted = { id: EvaluationId; queuePosition: number; ended?: Evaluation };

/** Adds evaluations to the queue, and gives each its place in it. */
export async function enqueue(
  services: EvaluationServices,
  context: Context,
  evaluations: readonly NewEvaluation[],
): Promise<Submitted[]> {
  const { tx, by } = context;
  const orgId = orgOf(context);
  const backlog = await services.systemStatements((system) => readBacklog(system, orgId));
  insertEvaluations(tx, { orgId, kind: by.kind, id: by.id, queueSeconds: services.queueSeconds }, evaluations);
  tx.onCommit(() => services.queued());
  const before = new Map<number, number>();
  return evaluations.map(({ id, priority }) => {
    const nth = (before.get(priority) ?? 0) + 1;
    before.set(priority, nth);
    return { id, queuePosition: queuePosition(backlog, orgId, priority, nth) };
  });
}
