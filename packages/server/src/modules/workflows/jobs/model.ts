import type { Failure, Graph, RunError } from '../engine/model.ts';
import { JOB_NODE, type JsonObject, type NodeDefinition, type RunState } from '../model.ts';
import type { Maker } from '../runs/model.ts';

/*
 * job          one thing to be done in the background: a run of one built-in node, under the same id
 * modality     what is done: a model is asked for text or vectors, or nothing is
 * dead letter  a job that failed for good
 */

export const MODALITIES = ['text', 'chat', 'embedding', 'noop'] as const;
export type Modality = (typeof MODALITIES)[number];

export const JOB_STATES = ['pending', 'started', 'completed', 'failed', 'cancelled'] as const;
export type JobState = (typeof JOB_STATES)[number];

/** What is known of a job beside what was asked. */
export type JobRecord = { modality: Modality; estimate: JsonObject | null };

export type Job = JobRecord & {
  orgId: string;
  id: string;
  state: JobState;
  priority: number;
  /** What was asked, as the caller wrote it. */
  request: JsonObject;
  attempts: number;
  output: unknown;
  /** Why it failed, or why the last attempt did. */
  error: Failure | RunError | null;
  createdBy: Maker;
  createdAt: Date;
  /** When it may begin, or is tried again; null once it is under way. */
  dueAt: Date | null;
  startedAt: Date | null;
  completedAt: Date | null;
};

/** A job that has not ended is pending until a worker takes it for the first time. */
export function jobStateOf(run: RunState, startedAt: Date | null): JobState {
  if (run === 'completed' || run === 'failed' || run === 'cancelled') return run;
  return startedAt === null ? 'pending' : 'started';
}

/** Jobs of an organization are runs of one definition, which nobody sees: it has the organization's own id. */
export const JOB_DEFINITION = '$job';

/** What passes is tried again for about a minute; what was refused is not. */
const NODE: NodeDefinition = {
  key: JOB_NODE,
  runtime: 'provider',
  operation: 'job',
  dependsOn: [],
  config: {},
  inputs: [],
  outputs: [],
  requires: [],
  policy: {
    timeoutMs: 600_000,
    retries: 4,
    backoff: { kind: 'exponential', firstMs: 1_000, mostMs: 30_000 },
    onError: { kind: 'fail' },
  },
  when: null,
  forEach: null,
};
export const JOB_NODES: readonly NodeDefinition[] = [NODE];

export const jobGraph = (orgId: string): Graph => ({
  definitionId: orgId,
  name: JOB_DEFINITION,
  isLimited: false,
  nodes: new Map([[NODE.key, NODE]]),
  dependents: new Map(),
});
