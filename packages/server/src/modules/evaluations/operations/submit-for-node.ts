import type { EvaluationId } from '../../../kernel/ids.ts';
import type { Context } from '../../../platform/operation.ts';
import type { EvaluationRequest, WaitingNode } from '../model.ts';
import { type EvaluationServices, orgOf } from '../services.ts';
import { insertEvaluations } from '../store.ts';
import { newEvaluation } from './submit.ts';

/**
 * Submits code for a node of a workflow, in the transaction in which the node begins to wait: it is woken when the
 * evaluation ends. The caller has authorized and audits it.
 */
export function submitForNode(
  services: Pick<EvaluationServices, 'fleet' | 'queued' | 'queueSeconds'>,
  { tx, by }: Context,
  { request, node }: { request: EvaluationRequest; node: WaitingNode },
): EvaluationId {
  const evaluation = newEvaluation(services, request, { forNode: node });
  const { kind, id } = by;
  insertEvaluations(tx, { orgId: orgOf({ by }), kind, id, queueSeconds: services.queueSeconds }, [evaluation]);
  tx.onCommit(services.queued);
  return evaluation.id;
}
