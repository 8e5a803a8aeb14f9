import { findPersonStanding } from '../modules/access/index.ts';
import type { Contents } from '../modules/assets/index.ts';
import { type Endings, type EvaluationServices, endWorkOfRuns } from '../modules/evaluations/index.ts';
import { openRunBudget } from '../modules/metering/index.ts';
import {
  type ApprovalServices,
  approvalOperations,
  Contexts,
  definitionOperations,
  type EndWork,
  Expressions,
  evaluateNode,
  type FollowServices,
  fireSchedule,
  followJob,
  followRun,
  Graphs,
  jobOperations,
  listTools,
  type Progressed,
  runOperations,
  Settler,
  scheduleOperations,
  startChild,
  WASI,
} from '../modules/workflows/index.ts';
import type { Tx } from '../platform/db/index.ts';
import { AddressRules } from '../platform/http-client/index.ts';
import type { Wakeups } from '../platform/queue/wakeups.ts';
import { jobServices } from './jobs.ts';

export type WorkflowParts = {
  contents: Contents;
  systemTransaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  systemStatements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  wakeups: Wakeups;
  /** Which addresses nodes may call. */
  rules: AddressRules;
  endings: Endings;
  /** Raised when nodes became ready; and with the id of a run that ended while attempts may be under way. */
  topics: { workflows: string; runsEnded: string; cancelled: string };
  told(): void;
};

/** A condition or a transformation of JSON that takes longer is not one. */
const EXPRESSION_DEADLINE_MS = 2_000;
const EXPRESSION_THREADS = 2;
/** Steps may end every millisecond, and whoever follows their events would read as often. */
const STEPS_TOLD_WITHIN_MS = 10;

/** Calls once for all that ask within a time. */
class Soon implements Disposable {
  readonly #act: () => void;
  readonly #withinMs: number;
  #timer: NodeJS.Timeout | null = null;

  constructor(act: () => void, withinMs: number) {
    this.#act = act;
    this.#withinMs = withinMs;
  }

  call(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#act();
    }, this.#withinMs);
  }

  [Symbol.dispose](): void {
    if (this.#timer) clearTimeout(this.#timer);
  }
}

/** What workflows are kept, walked and read with. */
export function composeWorkflows(parts: WorkflowParts, stack: AsyncDisposableStack) {
  const { systemTransaction, systemStatements, wakeups, endings, topics, told } = parts;
  const expressions = stack.use(new Expressions({ deadlineMs: EXPRESSION_DEADLINE_MS, threads: EXPRESSION_THREADS }));
  const graphs = new Graphs(systemStatements);
  const contexts = new Contexts({ contents: parts.contents, statements: systemStatements });
  const ready = (): void => {
    wakeups.raise(topics.workflows);
    told();
  };
  const tellSoon = stack.use(new Soon(told, STEPS_TOLD_WITHIN_MS));
  const progressed = ({ leavesReady, isOver }: Progressed): void => {
    if (leavesReady) wakeups.raise(topics.workflows);
    if (isOver) told();
    else tellSoon.call();
  };
  const signals = { endings, cancelled: (id: string): void => wakeups.raise(topics.cancelled, id) };
  const endWork: EndWork = (tx, runs) => endWorkOfRuns(tx, runs, signals);
  const settler = stack.use(new Settler({ transaction: systemTransaction, graphs, contexts, endWork, progressed }));
  return {
    rules: parts.rules,
    endWork,
    expressions,
    graphs,
    contexts,
    settler,
    ready,
    openBudget: openRunBudget,
    ended: (runId: string): void => {
      wakeups.raise(topics.runsEnded, runId);
      told();
    },
  };
}

export type Workflows = ReturnType<typeof composeWorkflows>;

/** The operations of workflows; listed without a core they are only looked at. */
export function workflowOperations(
  { expressions, graphs, contexts, endWork, ready, ended, openBudget, rules }: Partial<Workflows>,
  follow: FollowServices,
  evaluations: Pick<EvaluationServices, 'fleet' | 'queued' | 'queueSeconds'>,
) {
  const engine = { expressions, graphs, contexts, endWork, ready, ended, openBudget } as Workflows;
  return {
    ...definitionOperations({
      ...engine,
      capabilities: () => capabilitiesOf(evaluations.fleet),
      rules: rules ?? new AddressRules(),
    }),
    ...runOperations(engine),
    ...approvalOperations({ ...engine, teamsOf }),
    ...scheduleOperations(engine),
    fireSchedule: fireSchedule(engine),
    ...jobOperations(jobServices(engine)),
    followJob: followJob(follow),
    followRun: followRun(follow),
    startChild: startChild(engine),
    listTools: listTools({ programs: () => evaluations.fleet.tools }),
    evaluateNode: evaluateNode({ ...engine, ...evaluations }),
  };
}

const teamsOf: ApprovalServices['teamsOf'] = async (tx, orgId, userId) =>
  ((await findPersonStanding(tx, orgId, userId))?.teams ?? []).map(({ teamId }) => teamId);

/** What the server can do, and the runners that there are. */
export const capabilitiesOf = ({ languages, tools }: EvaluationServices['fleet']): ReadonlySet<string> =>
  new Set([
    'native',
    'provider',
    ...(languages.length > 0 ? ['code'] : []),
    ...(tools.has(WASI) ? ['wasm'] : []),
    ...languages.map(({ language }) => `language:${language}`),
    ...tools,
  ]);
