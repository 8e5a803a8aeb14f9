import { operation } from '../../../platform/operation.ts';
import { type EvaluationRequest, type EvaluationServices, submitForNode } from '../../evaluations/index.ts';
import type { Graphs } from '../engine/graphs.ts';
import { type NodeRef, nameOf } from '../engine/model.ts';
import { RunProgress } from '../engine/run-progress.ts';
import { lockForProgress, writeProgress } from '../engine/store.ts';
import { nodeErrors } from '../errors.ts';

/** What an attempt of a node wants run, and until when it waits for it. */
export type NodeEvaluation = {
  runId: string;
  node: NodeRef;
  fence: number;
  request: EvaluationRequest;
  until: Date;
};

export type EvaluateNodeServices = Pick<EvaluationServices, 'fleet' | 'queued' | 'queueSeconds'> & { graphs: Graphs };

/**
 * Submits what a node wants run, and lets the node wait for it, in one transaction: an attempt that was lost leaves no
 * evaluation behind, and one that counts has exactly one. It runs in the name of whoever made the run.
 */
export const evaluateNode = (services: EvaluateNodeServices) =>
  operation({
    name: 'workflows.node.evaluate',
    summary: 'Run what a node of a workflow says in a sandbox.',
    scope: 'evaluations:write',
    narrows: true,
    effect: 'create',
    rate: 'included',
    audit: {
      action: 'evaluation.submitted',
      target: (_input: NodeEvaluation, id: string) => ({ type: 'evaluation', id }),
      detail: ({ runId, node, request: { language, engine } }) => ({
        language,
        engine,
        workflow_run_id: runId,
        node: nameOf(node),
      }),
    },
    async run(context, { runId, node, fence, request, until }): Promise<string> {
      const { tx, by } = context;
      const orgId = String(by.orgId);
      const id = submitForNode(services, context, { request, node: { runId, ...node } });
      const [locked] = await lockForProgress(tx, [{ orgId, id: runId, nodes: [node] }]);
      if (!locked) throw superseded();
      const graph = await services.graphs.of(orgId, locked.run.definitionId);
      const progress = new RunProgress({ graph, ...locked });
      const resume = { evaluation_id: id, until: until.toISOString() };
      const result = { kind: 'waiting', at: until, resume } as const;
      if (!progress.report({ ...node, fence, result })) throw superseded();
      writeProgress(tx, [progress]);
      return id;
    },
  });

const superseded = (): Error => nodeErrors.superseded('Another attempt of this node was made, or its run has ended.');
