import type { Config } from '../config/config.ts';
import { findPersonStanding, findTenancyRows } from '../modules/access/index.ts';
import type { Leaf } from '../modules/audit/index.ts';
import { findKeyMakers } from '../modules/identity/index.ts';
import type { Ledger, PriceBook } from '../modules/metering/index.ts';
import {
  AnswerCache,
  Breakers,
  ChatExecutor,
  catalogueOperations,
  chatOperations,
  EmbeddingExecutor,
  type ExecutorServices,
  embeddingOperations,
  Planner,
  PolicyBook,
  ProviderAccess,
  ProviderClient,
  ProviderDirectory,
  policyOperations,
  Recorder,
  Recordings,
  type Subject,
  type TeamStanding,
  TokenCounter,
  TokenLimits,
  testOperations,
  watchCalls,
} from '../modules/providers/index.ts';
import type { MasterKey } from '../platform/crypto/master-key.ts';
import type { Database, Tx } from '../platform/db/index.ts';
import { AddressRules, HttpClient } from '../platform/http-client/index.ts';
import type { Log } from '../platform/log.ts';
import type { AuditedAct, Call } from '../platform/operation.ts';
import type { Wakeups } from '../platform/queue/wakeups.ts';
import type { Metrics } from '../platform/telemetry/metrics.ts';
import { ModelCalls } from '../platform/telemetry/model-calls.ts';
import type { Tracing } from '../platform/telemetry/tracing.ts';
import type { TokenWindows } from '../platform/token-windows.ts';
import { composeCaptures } from './captures.ts';
import type { Vault } from './vault.ts';

export type ProviderParts = {
  /** Which addresses providers may have. */
  rules: AddressRules;
  database: Database;
  vault: Vault;
  ledger: Ledger;
  prices: PriceBook;
  wakeups: Wakeups;
  /** Raised when providers of some organization changed, its policies, and who may do what in it. */
  topics: { providers: string; modelPolicies: string; capturePolicies: string; grants: string };
  metrics: Metrics;
  tracing: Tracing;
  tokenWindows: TokenWindows;
  config: ReplaySettings;
  told(): void;
  masterKey: MasterKey;
  log: Log;
};

type ReplaySettings = Pick<Config, 'replayDir' | 'replayRecord' | 'replayPace'>;

/** Connections to one provider: as many calls as are under way at once, for each waits on its own. */
const CONNECTIONS = 1_024;
/** A model that thinks says nothing for minutes; longer than this it is not thinking. */
const SILENCE_MS = 5 * 60_000;

/** What model calls go through. */
export function composeProviders(parts: ProviderParts, stack: AsyncDisposableStack) {
  const { rules, database, vault, ledger, prices, wakeups, topics, metrics, tracing, tokenWindows } = parts;
  const { config, masterKey } = parts;
  const recordings = recordingsOf(config);
  const { dataKeys, credentials, secrets } = vault;
  const http = stack.use(new HttpClient({ rules, connections: CONNECTIONS }));
  const breakers = new Breakers();
  const directory = new ProviderDirectory({
    dataKeys,
    statements: (orgId, work) => database.statements({ orgId }, work),
    replayIsOn: recordings !== null,
    hearsChanges: () => wakeups.connected,
  });
  wakeups.on(topics.providers, () => directory.forget());
  const policies = new PolicyBook({
    statements: (orgId, work) => database.statements({ orgId }, work),
    findStanding,
    hearsChanges: () => wakeups.connected,
  });
  wakeups.on(topics.modelPolicies, () => policies.forget());
  wakeups.on(topics.grants, () => policies.forget());
  const planner = new Planner({
    directory,
    policies,
    breakers,
    priceOf: ({ orgId, name, kind }, model) => prices.priceOf({ orgId, provider: name, kind, model }, new Date()),
  });
  const client = new ProviderClient({ dispatcher: http.dispatcher, silenceMs: SILENCE_MS });
  const access = new ProviderAccess({
    directory,
    credentials,
    secrets,
    statements: (orgId, work) => database.statements({ orgId }, work),
    transaction: (orgId, work) => database.transaction({ orgId }, work),
  });
  const capturing = composeCaptures({ ...parts, dataKeys, topic: topics.capturePolicies }, stack);
  const limits = new TokenLimits(tokenWindows);
  const log = parts.log.child({ subsystem: 'providers' });
  const services: ExecutorServices = {
    planner,
    access,
    client,
    breakers,
    ledger,
    recordings,
    limits,
    cache: new AnswerCache({
      dataKeys,
      statements: (orgId, work) => database.statements({ orgId }, work),
      secret: masterKey,
      ledger,
      limits,
      onFailure: (error) => log.warn({ err: error }, 'the cache of answers could not be used; calls go on without it'),
    }),
    watch: watchCalls(new ModelCalls({ tracing, metrics: metrics.modelCalls }), capturing),
  };
  const executor = new ChatExecutor(services);
  const embedder = new EmbeddingExecutor(services);
  metrics.gauge(
    'assay_provider_breakers_open',
    'Models of providers that this process leaves alone for a while, because calls to them failed.',
    () => breakers.open,
  );
  const counter = new TokenCounter({ planner, access, client });
  const recorder = new Recorder({
    recordings,
    lost: (cause) => log.warn({ err: cause }, 'a call could not be recorded'),
  });
  return { rules, breakers, directory, policies, planner, executor, embedder, counter, recordings, recorder };
}

/** `replay` is there where a directory is named. */
const recordingsOf = ({
  replayDir: dir,
  replayRecord: canRecord,
  replayPace: pace,
}: ReplaySettings): Recordings | null => (dir === null ? null : new Recordings({ dir, canRecord, pace }));

export type Providers = ReturnType<typeof composeProviders>;

/** The operations of providers; listed without a core they are only looked at. */
export function providerOperations(
  { directory, policies, planner, executor, embedder, counter, recordings, recorder, rules }: Partial<Providers>,
  {
    vault,
    wakeups,
    topics,
    leafOf,
  }: Pick<ProviderParts, 'vault' | 'wakeups' | 'topics'> & {
    leafOf(call: Call, act: AuditedAct): Leaf;
  },
) {
  const { dataKeys, credentials, secrets } = vault;
  const calls = {
    executor: executor as ChatExecutor,
    planner: planner as Planner,
    directory: directory as ProviderDirectory,
    counter: counter as TokenCounter,
    policies: policies as PolicyBook,
    recorder: recorder as Recorder,
    rules: rules ?? new AddressRules(),
    leafOf,
  };
  return {
    ...catalogueOperations({
      dataKeys,
      credentials,
      secrets,
      rules: rules ?? new AddressRules(),
      replayIsOn: Boolean(recordings),
      providersChanged: (tx) => wakeups.raiseWith(tx, topics.providers),
    }),
    ...policyOperations({
      subjectExists,
      policiesChanged: (tx) => wakeups.raiseWith(tx, topics.modelPolicies),
    }),
    ...chatOperations(calls),
    ...embeddingOperations({ ...calls, embedder: embedder as EmbeddingExecutor }),
    ...testOperations(calls),
  };
}

async function subjectExists(tx: Tx, orgId: string, { kind, id }: Subject): Promise<boolean> {
  if (kind === 'organization') return id === orgId;
  const found =
    kind === 'team'
      ? await findTenancyRows(tx, { orgId, kind: 'teams', ids: [id] })
      : await findKeyMakers(tx, orgId, [id]);
  return found.size > 0;
}

/** How whoever is behind a call stands to a team. */
async function findStanding(
  tx: Tx,
  { orgId, teamId, userId }: { orgId: string; teamId: string; userId: string | null },
): Promise<TeamStanding> {
  const found = await findTenancyRows(tx, { orgId, kind: 'teams', ids: [teamId] });
  if (found.size === 0) return null;
  const standing = userId === null ? null : await findPersonStanding(tx, orgId, userId);
  return standing?.teams.some((team) => team.teamId === teamId) ? 'member' : 'stranger';
}
