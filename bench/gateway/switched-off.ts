import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { App } from '../../packages/server/src/compose/compose.ts';
import { TOPICS } from '../../packages/server/src/compose/core.ts';
import { composeOperations } from '../../packages/server/src/compose/operations.ts';
import { composeProviders } from '../../packages/server/src/compose/providers.ts';
import { Journal, Ledger } from '../../packages/server/src/modules/metering/index.ts';
import type { SqlValue, Tx } from '../../packages/server/src/platform/db/index.ts';
import { createMetrics } from '../../packages/server/src/platform/telemetry/metrics.ts';
import { noTracing } from '../../packages/server/src/platform/telemetry/tracing.ts';
import { SWITCHES, type Switch } from '../api/switched-off.ts';

/** What can be switched off of a model call, one at a time, or all of it. */
export const PARTS = [
  'authentication',
  'authorization',
  'rate limit',
  'budgets',
  'usage records',
  'audit leaf',
  'journal',
  'ledger',
  'metrics',
  'all of them',
] as const;
export type Part = (typeof PARTS)[number];

const NOBODY = '00000000-0000-4000-8000-000000000000';

/** Names of statements begin so; a digest of their text follows. */
const isOneOf = ({ name }: { name: string }, names: readonly string[]): boolean =>
  names.some((each) => name.startsWith(`${each}:`));

/** Calls go through another ledger. */
const withLedger =
  (ledgerOf: (app: App) => Promise<Ledger>): Switch =>
  async (app, whole) => {
    const { core } = app;
    const { prices } = core.metering;
    const { rules } = core.providers;
    const parts = { ...core, rules, prices, ledger: await ledgerOf(app), metrics: createMetrics(), tracing: noTracing };
    // What it opens ends with the process.
    const stack = new AsyncDisposableStack();
    const switched = composeProviders({ ...parts, topics: TOPICS }, stack);
    const operations = composeOperations({ ...core, providers: switched });
    return { ...whole, operations: { ...whole.operations, providers: operations.providers } };
  };

/** A ledger like the product's own, but for what is changed of its transaction and its journal. */
async function ledgerOf({ core }: App, of: { tx?(tx: Tx): Tx; journal?(journal: Journal): Journal }): Promise<Ledger> {
  const { tx: change = (tx) => tx, journal: replace = (journal) => journal } = of;
  return new Ledger({
    transaction: (work) => core.systemTransaction((tx) => work(change(tx))),
    told: core.told,
    journal: replace(await Journal.start(await mkdtemp(join(core.config.dataDir, 'journal-')))),
    log: core.log,
  });
}

/** Calls reach no budget: none is found for them. */
const withoutCounters = (tx: Tx): Tx => {
  const valuesOf = ({ name }: { name: string }, values: readonly SqlValue[]): readonly SqlValue[] =>
    isOneOf({ name }, ['ledger.lock_counters']) ? ['[]', '[]'] : values;
  return {
    query: (of, values) => tx.query(of, valuesOf(of, values)),
    pair: (first, { statement, values }) => tx.pair(first, { statement, values: valuesOf(statement, values) }),
    defer: (of, values) => tx.defer(of, values),
    onCommit: (effect) => tx.onCommit(effect),
  };
};

const withoutUsage = (tx: Tx): Tx => ({
  defer: (of, values) =>
    isOneOf(of, ['ledger.insert_records', 'ledger.add_to_rollups']) ? undefined : tx.defer(of, values),
  query: (of, values) => tx.query(of, values),
  pair: (first, second) => tx.pair(first, second),
  onCommit: (effect) => tx.onCommit(effect),
});

function withoutLeaves(ledger: Ledger): Ledger {
  const reserve = ledger.reserve.bind(ledger);
  ledger.reserve = (request) => reserve({ ...request, attached: {} });
  return ledger;
}

const withoutWrites = (journal: Journal): Journal => {
  const slot = journal.open({ orgId: NOBODY, id: NOBODY, reservedAt: new Date() });
  return Object.assign(Object.create(journal) as Journal, {
    nodeId: journal.nodeId,
    open: () => slot,
    ask: () => {},
    write: () => {},
    close: () => {},
  });
};

/** Nothing is set aside and nothing billed. */
async function noLedger(app: App): Promise<Ledger> {
  const ledger = await ledgerOf(app, {});
  const hold = {
    admission: { id: NOBODY, reservedAt: new Date(), amount: Number.MAX_SAFE_INTEGER, held: [], budgetLeft: null },
    amount: Number.MAX_SAFE_INTEGER,
    budgetLeft: null,
    delivered: { cost: 0, quantities: {} },
    hasBegun: false,
    asks: () => {},
    onEnd: () => {},
    progress: () => {},
    settle: async () => ({ cost: 0, overrun: 0 }),
    release: async () => ({ cost: 0, overrun: 0 }),
  };
  ledger.reserve = async () => hold as unknown as Awaited<ReturnType<Ledger['reserve']>>;
  return ledger;
}

const { authentication, authorization, 'rate limit': rateLimit, metrics } = SWITCHES;

export const GATEWAY_SWITCHES: Readonly<Record<Part, readonly Switch[]>> = {
  authentication: [authentication],
  authorization: [authorization],
  'rate limit': [rateLimit],
  budgets: [withLedger((app) => ledgerOf(app, { tx: withoutCounters }))],
  'usage records': [withLedger((app) => ledgerOf(app, { tx: withoutUsage }))],
  'audit leaf': [withLedger(async (app) => withoutLeaves(await ledgerOf(app, {})))],
  journal: [withLedger((app) => ledgerOf(app, { journal: withoutWrites }))],
  ledger: [withLedger(noLedger)],
  metrics: [metrics],
  'all of them': [authentication, authorization, rateLimit, metrics, withLedger(noLedger)],
};
