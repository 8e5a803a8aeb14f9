import type { EvaluationId } from '../../../kernel/ids.ts';
import type { Context } from '../../../platform/operation.ts';
import type { Evaluation } from '../model.ts';
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
  const places = await services.backlog.place(
    orgId,
    evaluations.map(({ priority }) => priority),
  );
  insertEvaluations(tx, { orgId, kind: by.kind, id: by.id, queueSeconds: services.queueSeconds }, evaluations);
  tx.onCommit(() => services.queued());
  return evaluations.map(({ id }, index) => ({ id, queuePosition: places[index] ?? 1 }));
}
