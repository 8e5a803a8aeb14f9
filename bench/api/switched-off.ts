import type { App } from '../../packages/server/src/compose/compose.ts';
import { createGovernance } from '../../packages/server/src/compose/governance.ts';
import { composeOperations, type Operations } from '../../packages/server/src/compose/operations.ts';
import type { Authenticator } from '../../packages/server/src/modules/identity/index.ts';
import { Database, statement, type Tx } from '../../packages/server/src/platform/db/index.ts';
import type { Statement } from '../../packages/server/src/platform/db/statement.ts';
import { type Governance, Operator } from '../../packages/server/src/platform/operation.ts';
import { noTracing } from '../../packages/server/src/platform/telemetry/tracing.ts';
import { createHttpServer } from '../../packages/server/src/roles/http-server.ts';
import type { HttpKit } from '../../packages/server/src/surfaces/http/kit.ts';
import { LargeBodies } from '../../packages/server/src/surfaces/http/large-bodies.ts';
import { TrustedProxies } from '../../packages/server/src/surfaces/http/trusted-proxies.ts';
import { API_KEY } from '../product/running-assay.ts';
import { API_CONNECTIONS } from './set-up.ts';

/** What can be switched off, one at a time, or all of it. */
export const PARTS = [
  'authentication',
  'authorization',
  'rate limit',
  'audit leaf',
  'row security',
  'events',
  'queue position',
  'metrics',
  'all of them',
] as const;
export type Part = (typeof PARTS)[number];

/** The seams of a server: what a part replaces. */
type Assembly = { governance: Governance; kit: Omit<HttpKit, 'operator'>; operations: Operations };
export type Switch = (app: App, whole: Assembly) => Promise<Assembly>;

/** In the order in which they are put together when all are off: what wraps a transaction comes after what replaces it. */
export const SWITCHES: Readonly<Record<Exclude<Part, 'all of them'>, Switch>> = {
  authentication: async ({ core }, whole) => {
    const principal = await core.authenticator.authenticate({ kind: 'api_key', value: API_KEY });
    const known = { authenticate: async () => principal } as unknown as Authenticator;
    return { ...whole, kit: { ...whole.kit, authenticator: known } };
  },
  authorization: async (_app, whole) => ({
    ...whole,
    governance: { ...whole.governance, authorize: () => ({ ownOnly: false }) },
  }),
  'rate limit': async (_app, whole) => ({
    ...whole,
    governance: { ...whole.governance, takeRate: () => null },
    kit: { ...whole.kit, peekRate: () => null },
  }),
  // The wake-up of event readers stays: it belongs to the events.
  'audit leaf': async ({ core }, whole) => ({
    ...whole,
    governance: { ...whole.governance, audit: (tx) => tx.onCommit(core.told) },
  }),
  'row security': async ({ core }, whole) => {
    const system = systemPool(core.address);
    const all = { orgId: null };
    return {
      ...whole,
      governance: {
        ...whole.governance,
        transaction: (_scope, work) => system.transaction(all, work),
        statements: (_scope, work) => system.statements(all, work),
      },
    };
  },
  events: async (_app, { governance, ...rest }) => ({
    ...rest,
    governance: {
      ...governance,
      emit: () => {},
      transaction: (scope, work) => governance.transaction(scope, (tx) => work(withoutEvents(tx))),
    },
  }),
  'queue position': async ({ core }, whole) => {
    const nothing = async <Result>(): Promise<Result> => [] as Result;
    return { ...whole, operations: composeOperations({ ...core, systemStatements: nothing }) };
  },
  metrics: async ({ core }, whole) => {
    const silent: typeof core.metrics.requests = Object.assign(Object.create(core.metrics.requests), { inc: () => {} });
    return {
      ...whole,
      governance: { ...whole.governance, observe: () => ({ trace: null, end: () => {} }) },
      kit: { ...whole.kit, metrics: { ...core.metrics, requests: silent } },
    };
  },
};

/** Serves the same API without one part, or without all of them, on a free port; gives its address. */
export const serveWithout = (app: App, part: Part): Promise<string> =>
  serveSwitched(app, part === 'all of them' ? Object.values(SWITCHES) : [SWITCHES[part]]);

/** Serves the same API, changed, on a free port; gives its address. */
export async function serveSwitched(app: App, switches: readonly Switch[]): Promise<string> {
  let assembly = wholeOf(app);
  for (const change of switches) assembly = await change(app, assembly);
  const http = await createHttpServer({
    kit: { ...assembly.kit, operator: new Operator(assembly.governance) },
    operations: assembly.operations,
    readiness: async () => [],
    health: app.core.providers.breakers,
    release: 'bench',
    jwks: () => app.core.signingKeys.jwks(),
    stopMs: 0,
    silenceMs: 60_000,
    claimedPaths: new Set(),
  });
  return `http://127.0.0.1:${await http.listen('127.0.0.1', 0)}`;
}

/** What the server itself is made of. */
function wholeOf({ core, operations }: App): Assembly {
  const { database, system, idempotency, limiter, claimsOf, metrics, told, log, authenticator } = core;
  return {
    governance: createGovernance({
      database,
      system,
      idempotency,
      limiter,
      claimsOf,
      metrics,
      tracing: noTracing,
      told,
      log,
    }),
    kit: {
      authenticator,
      authorize: () => {},
      proxies: new TrustedProxies([]),
      largeBodies: new LargeBodies(),
      publicUrl: null,
      peekRate(rate, call) {
        return limiter?.peek(claimsOf(rate, call)) ?? null;
      },
      metrics,
      log,
    },
    operations,
  };
}

/** As many connections as the tenants' pool has, in the role that row security does not hold to one organization. */
const systemPool = (address: App['core']['address']): Database =>
  new Database({
    address,
    role: 'assay_system',
    isKeyed: false,
    maxConnections: API_CONNECTIONS,
    applicationName: 'bench-without-row-security',
    constraints: {},
    statementTimeoutMs: 15_000,
    onConnectionError: () => {},
  });

/** A submission writes its row and its event in one statement; this takes the event out of the statement. */
function withoutEvents(tx: Tx): Tx {
  return {
    query: (of, values) => tx.query(of, values),
    pair: (first, second) => tx.pair(first, second),
    onCommit: (effect) => tx.onCommit(effect),
    defer: (of, values) => tx.defer(of.name.startsWith('evaluations.insert') ? insertOnly(of) : of, values),
  };
}

const shortened = new Map<string, Statement<unknown>>();

function insertOnly({ text }: Statement<unknown>): Statement<unknown> {
  const known = shortened.get(text);
  if (known) return known;
  const [insert, ...rest] = text.split('insert into events');
  if (rest.length !== 1) throw new Error('The statement of a submission has changed: take its event out anew.');
  const made = statement('bench.insert_without_event', `${insert} select id from added`);
  shortened.set(text, made);
  return made;
}
