import type { Json } from '../../../kernel/json.ts';
import { operation } from '../../../platform/operation.ts';
import { type NodeRef, nameOf } from '../engine/model.ts';
import { RunProgress } from '../engine/run-progress.ts';
import { lockForProgress, writeProgress } from '../engine/store.ts';
import { nodeErrors } from '../errors.ts';
import type { JsonObject } from '../model.ts';
import { type MakingServices, makeRun } from '../runs/make-run.ts';
import { findAbove } from '../runs/store.ts';

/** Runs above one another. A workflow that runs itself without end is stopped here. */
const MOST_DEPTH = 10;

/** What an attempt of a node wants run, and until when it waits for it. */
export type ChildRun = {
  runId: string;
  node: NodeRef;
  fence: number;
  name: string;
  version: number | null;
  input: JsonObject;
  until: Date;
};

/**
 * Makes the run that a node asks for, and lets the node wait for it, in one transaction: an attempt that was lost leaves
 * no run behind, and one that counts has exactly one.
 */
export const startChild = (services: MakingServices) =>
  operation({
    name: 'workflows.node.start_run',
    summary: 'Run a workflow as a node of another one.',
    scope: 'workflows:write',
    narrows: true,
    effect: 'create',
    rate: 'included',
    audit: {
      action: 'workflow_run.created',
      target: (_input: ChildRun, id: string) => ({ type: 'workflow_run', id }),
      detail: ({ runId, node, name }) => ({ definition: name, parent: runId, node: nameOf(node) }),
    },
    async run(context, { runId, node, fence, until, name, version, input }): Promise<string> {
      const { tx, by } = context;
      const orgId = String(by.orgId);
      const [locked] = await lockForProgress(tx, [{ orgId, id: runId, nodes: [node] }]);
      if (!locked) throw superseded();
      const above = await findAbove(tx, orgId, runId);
      const depth = above.depth + 1;
      if (depth > MOST_DEPTH)
        throw nodeErrors.too_deep(`${MOST_DEPTH} runs are above this one: a workflow cannot run others beyond that.`);
      const parent = { runId, ...node, ...above, depth };
      const request = {
        definition: { name, version },
        input,
        priority: locked.run.priority,
        start: true,
        scheduleId: null,
        parent,
      };
      const id = await makeRun(services, context, request);
      const graph = await services.graphs.of(orgId, locked.run.definitionId);
      const progress = new RunProgress({ graph, ...locked });
      const resume = { child_run_id: id, until: until.toISOString() };
      const tells: { [name: string]: Json } = { child_run_id: id };
      if (!progress.report({ ...node, fence, result: { kind: 'waiting', at: until, resume, tells } }))
        throw superseded();
      writeProgress(tx, [progress]);
      return id;
    },
  });

const superseded = (): Error => nodeErrors.superseded('Another attempt of this node was made, or its run has ended.');
