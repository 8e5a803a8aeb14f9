import type { NewEvent } from '../../../platform/operation.ts';
import { JOB_NODE, type RunState } from '../model.ts';
import { type Graph, type NodeRef, nameOf, type RunError } from './model.ts';

/** What is told of a run and its nodes while something is decided about it. */
export class RunEvents {
  readonly told: NewEvent[] = [];
  readonly #graph: Graph;
  readonly #runId: string;

  constructor(graph: Graph, runId: string) {
    this.#graph = graph;
    this.#runId = runId;
  }

  ofRun(what: string, { state, error }: { state: RunState; error: RunError | null }): void {
    const why = error === null ? {} : { error };
    if (this.#isJob) {
      const type = JOB_EVENTS[what];
      if (type !== undefined) this.#tell({ type, data: { job_id: this.#runId, ...why } });
      return;
    }
    const data = { workflow_run_id: this.#runId, definition: this.#graph.name, state, ...why };
    this.#tell({ type: `workflow.run.${what}`, data });
  }

  ofNode(node: NodeRef, what: string, more: Record<string, unknown>): void {
    if (this.#isJob) {
      if (what === 'started') this.#tell({ type: 'job.started', data: { job_id: this.#runId, ...more } });
      return;
    }
    const data = { workflow_run_id: this.#runId, node: nameOf(node), ...more };
    this.#tell({ type: `workflow.node.${what}`, data });
  }

  #tell(event: Pick<NewEvent, 'type' | 'data'>): void {
    this.told.push({ ...event, subject: this.#runId });
  }

  get #isJob(): boolean {
    return this.#graph.nodes.has(JOB_NODE);
  }
}

/** What is told of a job, by what happens to its run; of its node only that it started. */
const JOB_EVENTS: Readonly<Record<string, string>> = {
  completed: 'job.completed',
  failed: 'job.failed',
  cancelled: 'job.cancelled',
  resumed: 'job.retried',
};
