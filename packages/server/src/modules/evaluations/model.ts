import type { EvaluationId, OrganizationId } from '../../kernel/ids.ts';
import type { EngineName, IsolationReceipt, RunReason, RunSpec } from '../runners/index.ts';

/*
 * evaluation   one run of untrusted code
 * attempt      a try at it on a runner; a lost runner leads to another, up to MAX_ATTEMPTS
 * lease        a runner's right to report on an attempt, until `lease_expires_at` unless renewed
 * fence        the number of the attempt's lease: a report with an older one is dropped
 * dead letter  an evaluation that failed through no fault of its code
 *
 *   queued ──► running ──► completed | failed | timeout | cancelled
 *      ▲          │ runner lost: back to the queue, or failed after MAX_ATTEMPTS
 *      └──────────┘
 */
export const EVALUATION_STATES = ['queued', 'running', 'completed', 'failed', 'timeout', 'cancelled'] as const;
export type EvaluationState = (typeof EVALUATION_STATES)[number];

export const isTerminal = (state: EvaluationState): boolean => state !== 'queued' && state !== 'running';

/** Whether an event of this type tells of an evaluation's end. */
export const isEnding = (type: string): boolean =>
  EVALUATION_STATES.some((state) => isTerminal(state) && type === `evaluation.${state}`);

/** Tries before an evaluation whose runners keep vanishing is given up: one for bad luck, one for a crash loop. */
export const MAX_ATTEMPTS = 3;

/**
 * What a run may take beyond its own wall time, for setting up, compiling (a minute at most) and reporting. A runner
 * that is connected and still has not reported by then counts as lost: nothing stays in `running` for ever.
 */
export const OVERRUN_SECONDS = 120;

/** Output kept in the row, per stream; what is longer goes to an asset whole. */
export const INLINE_OUTPUT_BYTES = 1 << 20;

/** What a caller asks to have run; limits left out are filled in. */
export type EvaluationRequest = {
  code: string;
  language: string;
  engine: string;
  engineStrict: boolean;
  timeoutSeconds: number;
  stdin: string;
  args: string[];
  env: Record<string, string>;
  files: { path: string; content: string }[];
  outputs: string[];
  memoryMb: number | null;
  cpus: number | null;
  processes: number | null;
  priority: number;
  metadata: Record<string, unknown>;
};

/** The node of a workflow that waits for an evaluation. */
export type WaitingNode = { runId: string; key: string; item: number };

export type Evaluation = {
  id: EvaluationId;
  orgId: OrganizationId;
  state: EvaluationState;
  priority: number;
  language: string;
  engineAsked: string;
  engine: EngineName;
  code: string;
  codePreview: string;
  limits: RunSpec['limits'];
  metadata: Record<string, unknown>;
  batchId: string | null;
  retryOf: string | null;
  /** Null for what was not submitted by a workflow. */
  forNode: WaitingNode | null;
  createdBy: { kind: string; id: string };
  createdAt: Date;
  startedAt: Date | null;
  completedAt: Date | null;
  attempt: number;
  reason: string | null;
  message: string | null;
  exitCode: number | null;
  signal: string | null;
  output: string;
  error: string;
  outputTruncated: boolean;
  outputAssetId: string | null;
  errorAssetId: string | null;
  files: ResultFile[];
  runtimeMs: number | null;
  compileMs: number | null;
  cpuMs: number | null;
  memoryPeakMb: number | null;
  receipt: IsolationReceipt | null;
  deadLetteredAt: Date | null;
};

export type EvaluationSummary = Pick<
  Evaluation,
  | 'id'
  | 'state'
  | 'createdAt'
  | 'completedAt'
  | 'codePreview'
  | 'language'
  | 'engine'
  | 'exitCode'
  | 'runtimeMs'
  | 'reason'
>;

/** A file that the program left: stored, or why not. */
export type ResultFile = { path: string; size: number; asset_id: string } | { path: string; skipped: string };

/** Which state a run's end means. */
export function stateAfter(reason: RunReason): EvaluationState {
  switch (reason) {
    case 'ok':
      return 'completed';
    case 'timeout':
      return 'timeout';
    case 'cancelled':
      return 'cancelled';
    default:
      return 'failed';
  }
}

/** Languages whose tools need more room than a script does. */
const ROOMY = new Set(['java', 'go', 'rust']);

/** Fills the limits of a run: what was asked for, else what the language needs. */
export function limitsFor(request: EvaluationRequest): RunSpec['limits'] {
  const roomy = ROOMY.has(request.language);
  const cpus = request.cpus ?? 1;
  return {
    wall_ms: request.timeoutSeconds * 1000,
    cpu_ms: Math.ceil(request.timeoutSeconds * 1000 * cpus),
    memory_mb: request.memoryMb ?? (roomy ? 1024 : 512),
    processes: request.processes ?? (roomy ? 256 : 128),
    cpus,
    output_bytes: 8 << 20,
    file_size_mb: 64,
    disk_mb: 64,
    open_files: 256,
  };
}

const PREVIEW_LENGTH = 100;
/** The start of the code as lists show it, marked when there is more. */
export const previewOf = (code: string): string =>
  code.length <= PREVIEW_LENGTH ? code : `${code.slice(0, PREVIEW_LENGTH)}...`;

/** What waits in the queue, per organization and priority; `servedAt` is when the organization last got a slot. */
export type Backlog = { orgId: string; priority: number; queued: number; running: number; servedAt: Date | null };

/**
 * The place in the queue of the `nth` (from 1) next evaluation of an organization at a priority: one more than what
 * would be dispatched before it if nothing else arrived.
 *
 * The order of dispatch: higher priority first; then the organization that holds the fewest slots, counting what of
 * its own stands before; then the one that waited longest for a slot; then age.
 */
export function queuePosition(backlog: readonly Backlog[], orgId: string, priority: number, nth: number): number {
  const mine = backlog.filter((row) => row.orgId === orgId);
  const standing = mine[0] ?? { running: 0, servedAt: null };
  const ownAhead = mine.find((row) => row.priority === priority)?.queued ?? 0;
  const share = standing.running + ownAhead + nth;
  let ahead = ownAhead + nth - 1;
  for (const row of backlog) {
    if (row.priority > priority) ahead += row.queued;
    else if (row.priority === priority && row.orgId !== orgId) {
      const goesFirst = (row.servedAt?.getTime() ?? 0) <= (standing.servedAt?.getTime() ?? 0);
      const before = share - row.running - (goesFirst ? 0 : 1);
      ahead += Math.min(row.queued, Math.max(0, before));
    }
  }
  return ahead + 1;
}

/** Who submitted an evaluation: the credential, not the person behind it. */
export type Owner = { kind: string; id: string };

export const isOf = (owner: Owner, { createdBy }: Pick<Evaluation, 'createdBy'>): boolean =>
  createdBy.kind === owner.kind && createdBy.id === owner.id;
