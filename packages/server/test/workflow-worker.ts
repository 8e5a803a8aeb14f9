import pino from 'pino';
import type { Contents } from '../src/modules/assets/index.ts';
import { Contexts } from '../src/modules/workflows/context/contexts.ts';
import { Engine } from '../src/modules/workflows/engine/engine.ts';
import { Graphs } from '../src/modules/workflows/engine/graphs.ts';
import { RunJanitor } from '../src/modules/workflows/engine/janitor.ts';
import { Settler } from '../src/modules/workflows/engine/settler.ts';
import type { Expressions } from '../src/modules/workflows/expressions/expressions.ts';
import type { NodeDefinition } from '../src/modules/workflows/model.ts';
import type { Handler } from '../src/modules/workflows/runtimes/model.ts';
import { nativeHandlers } from '../src/modules/workflows/runtimes/native.ts';
import type { testDatabase } from './database.ts';

const log = pino({ level: 'silent' });

type Of = Partial<Omit<NodeDefinition, 'key' | 'policy'>> & { policy?: Partial<NodeDefinition['policy']> };
/** A node of a workflow, of which a test says what it is about. */
export const workflowNode = (key: string, { policy, ...of }: Of = {}): NodeDefinition => ({
  key,
  runtime: 'native',
  operation: 'noop',
  dependsOn: [],
  config: {},
  inputs: [],
  outputs: [{ name: null, path: [key], merge: 'replace' }],
  requires: [],
  policy: {
    timeoutMs: 10_000,
    retries: 0,
    backoff: { kind: 'fixed', firstMs: 1, mostMs: 1 },
    onError: { kind: 'fail' },
    ...policy,
  },
  when: null,
  forEach: null,
  ...of,
});

/** One worker process, as far as workflows go. `handlers` are operations beside the native ones. */
type WorkerOf = {
  handlers?: Record<string, Handler>;
  leaseMs?: number;
  concurrency?: number;
  stopMs?: number;
  capabilities?: () => ReadonlySet<string>;
  /** Where large contexts are kept; nobody asks unless there are some. */
  contents?: Contents;
};
const NOTHING: ReadonlySet<string> = new Set();
export function workflowWorker(
  db: ReturnType<typeof testDatabase>,
  expressions: Expressions,
  {
    handlers = {},
    leaseMs = 1_500,
    concurrency = 16,
    stopMs = 10_000,
    capabilities = () => NOTHING,
    contents,
  }: WorkerOf = {},
) {
  const statements: ConstructorParameters<typeof RunJanitor>[0]['statements'] = (work) =>
    db.system.statements({ orgId: null }, work);
  const graphs = new Graphs(statements);
  const contexts = new Contexts({ contents: contents as Contents, statements });
  const listeners = new Set<() => void>();
  const ended = new Set<(runId: string) => void>();
  const settler = new Settler({
    contexts,
    transaction: (work) => db.system.transaction({ orgId: null }, work),
    graphs,
    endWork: async () => {},
    progressed: ({ leavesReady }) => {
      if (leavesReady) for (const listener of listeners) listener();
    },
  });
  const engine = new Engine({
    contexts,
    statements,
    settler,
    graphs,
    expressions,
    handlers: { native: { ...nativeHandlers(expressions), ...handlers } },
    onReady(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onEnded(listener) {
      ended.add(listener);
      return () => ended.delete(listener);
    },
    capabilities,
    concurrency,
    leaseMs,
    stopMs,
    log,
  });
  engine.start();
  return {
    settler,
    graphs,
    contexts,
    /** A signal that somebody may wait. */
    look() {
      for (const listener of listeners) listener();
    },
    janitor: new RunJanitor({ statements, settler, graphs, log }),
    end(runId: string) {
      for (const listener of ended) listener(runId);
    },
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}
