import type { Config } from '../config/config.ts';
import { CheckpointKeys } from '../modules/audit/index.ts';
import { Endings, isEnding } from '../modules/evaluations/index.ts';
import { EventFeed, prepareEvents } from '../modules/events/index.ts';
import { bootstrap } from '../modules/identity/index.ts';
import { Fleet } from '../modules/runners/index.ts';
import type { MasterKey } from '../platform/crypto/master-key.ts';
import { Database, type DatabaseAddress, type DatabaseOptions } from '../platform/db/index.ts';
import { AddressRules, HttpClient } from '../platform/http-client/index.ts';
import { IdempotencyStore } from '../platform/idempotency-store.ts';
import type { Log } from '../platform/log.ts';
import { Outbox } from '../platform/mail/mailer.ts';
import { Operator } from '../platform/operation.ts';
import { NatsBus } from '../platform/queue/nats-bus.ts';
import { Wakeups } from '../platform/queue/wakeups.ts';
import { createMetrics } from '../platform/telemetry/metrics.ts';
import { noTracing, startTracing } from '../platform/telemetry/tracing.ts';
import { composeAdmission } from './admission.ts';
import { CONSTRAINTS } from './constraints.ts';
import { composeContents } from './contents.ts';
import { createGovernance } from './governance.ts';
import { composeIdentity } from './identity.ts';
import { composeMetering } from './metering.ts';
import { composeProviders } from './providers.ts';
import { RELEASE } from './release.ts';
import { composeVault } from './vault.ts';
import { composeWorkflows } from './workflows.ts';

/** Topics that processes raise for each other. */
export const TOPICS = {
  queued: 'evaluations.queued',
  cancelled: 'evaluations.cancelled',
  events: 'events',
  grants: 'grants',
  runners: 'runners',
  mail: 'mail',
  signingKeys: 'signing_keys',
  vaultKeys: 'vault_keys',
  prices: 'prices',
  providers: 'providers',
  modelPolicies: 'model_policies',
  webhooks: 'webhooks',
  workflows: 'workflows',
  runsEnded: 'workflows.ended',
  capturePolicies: 'capture_policies',
} as const;

/** Longest a statement of a request may run. */
const STATEMENT_TIMEOUT_MS = 15_000;
const SYSTEM_CONNECTIONS = 8;
/**
 * Requests that wait for a connection. They take turns of a millisecond or two, so the last of them waits for a second or so;
 * with many more each would wait until its client has gone, and be served for nobody.
 */
const MOST_WAITING = 1_000;

export type Core = Awaited<ReturnType<typeof composeCore>>;

/** Builds what every role stands on: database, signals, identity, the Operator. `stack` disposes it in reverse. */
export async function composeCore(config: Config, address: DatabaseAddress, log: Log, stack: AsyncDisposableStack) {
  const metrics = createMetrics();
  const tracing = stack.use(
    config.otlpEndpoint === null ? noTracing : await startTracing(config.otlpEndpoint, RELEASE),
  );
  const { database, system } = openPools(config, address, log, stack);
  const wakeups = stack.use(new Wakeups(address, log, relayOf(config, log)));
  wakeups.onSilence = () => {
    for (const pool of [database, system]) pool.distrust();
  };
  await wakeups.start();

  const systemTransaction: Governed['systemTransaction'] = (work) => system.transaction({ orgId: null }, work);
  const systemStatements: Governed['systemStatements'] = (work) => system.statements({ orgId: null }, work);
  const told = (): void => wakeups.raise(TOPICS.events);
  // Without their week, events go where those without one lie.
  await systemStatements(prepareEvents).catch((error) => log.warn({ err: error }, 'the weeks of events were not made'));
  const http = stack.use(new HttpClient({ rules: new AddressRules(config.outboundNetworks) }));
  const vault = await composeVault({
    config,
    transaction: systemTransaction,
    statements: systemStatements,
    wakeups,
    topic: TOPICS.vaultKeys,
    database,
    http,
    told,
    log,
  });
  // What the installation seals for itself, or derives from: the master key itself may be out of reach, in a KMS.
  const masterKey = await vault.dataKeys.platformKey();
  const mailer = mailerOf(config, masterKey, wakeups);
  const work = { statements: systemStatements, transaction: systemTransaction };
  const identityParts = { ...work, config, masterKey, mailer, wakeups, topics: TOPICS, http, told, log };
  const identity = await composeIdentity(identityParts, stack);
  const { authenticator, ...rates } = composeAdmission({
    config,
    statements: systemStatements,
    wakeups,
    identity,
    log,
    stack,
  });
  wakeups.on(TOPICS.grants, () => authenticator.forget());

  const firstStart = await systemTransaction((tx) => bootstrap(tx, firstOf(config)));
  await authenticator.start();

  const idempotency = new IdempotencyStore(masterKey);
  const governance = createGovernance({ database, system, idempotency, ...rates, metrics, tracing, told, log });
  const endings = new Endings();
  const base = { config, database, systemTransaction, systemStatements, wakeups, masterKey, told, log };
  const metering = await composeMetering({ ...base, topic: TOPICS.prices }, stack);
  const parts = { ...base, ...metering, ...rates, rules: http.rules, vault, topics: TOPICS, metrics, tracing };
  const providers = composeProviders(parts, stack);
  const { systemContents, ...files } = composeContents({ ...base, dataKeys: vault.dataKeys });
  const workflows = composeWorkflows(
    { ...base, contents: systemContents, rules: http.rules, endings, topics: TOPICS },
    stack,
  );
  const onWake = (topic: string) => (listener: () => void) => wakeups.on(topic, listener);
  return {
    ...base,
    address,
    metrics,
    system,
    onWake,
    ...identity,
    authenticator,
    checkpointKeys: new CheckpointKeys(masterKey),
    idempotency,
    ...rates,
    operator: new Operator(governance),
    vault,
    metering,
    providers,
    workflows,
    mailer,
    ...files,
    endings,
    fleet: stack.use(new Fleet({ statements: systemStatements, onWake: onWake(TOPICS.runners), log })),
    feed: stack.use(eventFeed(base, { endings, onWake: onWake(TOPICS.events) })),
    firstStart,
  };
}

/** Follows the events of all organizations, and tells of evaluations that ended, also those that another process recorded. */
const eventFeed = (
  { systemStatements, database, log }: Pick<Governed, 'systemStatements'> & { database: Database; log: Log },
  { endings, onWake }: { endings: Endings; onWake(listener: () => void): () => void },
): EventFeed =>
  new EventFeed({
    systemRead: systemStatements,
    read: (scope, work) => database.statements(scope, work),
    onWake,
    onEvent: ({ type, subject }) => isEnding(type) && endings.announce(subject),
    log,
  });

const firstOf = (config: Config): Parameters<typeof bootstrap>[1] => ({
  ownerEmail: config.bootstrapOwnerEmail,
  ownerPassword: config.bootstrapOwnerPassword,
  apiKey: config.bootstrapApiKey,
});

/** The two handles: `database` sees one organization at a time, `system` all. */
function openPools(config: Config, address: DatabaseAddress, log: Log, stack: AsyncDisposableStack) {
  const pool = (role: string, of: Pick<DatabaseOptions, 'maxConnections' | 'maxWaiting' | 'isKeyed'>): Database =>
    stack.use(
      new Database({
        address,
        role,
        ...of,
        applicationName: `assay-${role.replace('assay_', '')}`,
        constraints: CONSTRAINTS,
        statementTimeoutMs: STATEMENT_TIMEOUT_MS,
        onConnectionError: (error) => log.warn({ err: error }, 'a database connection was lost'),
      }),
    );
  return {
    database: pool('assay_app', {
      maxConnections: config.databaseConnections,
      maxWaiting: MOST_WAITING,
      isKeyed: false,
    }),
    // What was accepted is ended by this one: it waits for its turn, however many there are.
    system: pool('assay_system', { maxConnections: SYSTEM_CONNECTIONS, isKeyed: true }),
  };
}

/** What carries signals in the place of the database; null when nothing does. */
const relayOf = ({ natsUrl, natsPrefix }: Config, log: Log): NatsBus | null =>
  natsUrl === null
    ? null
    : new NatsBus({ urls: natsUrl.reveal().split(','), prefix: natsPrefix, log: log.child({ subsystem: 'nats' }) });

const mailerOf = ({ smtpUrl }: Config, masterKey: MasterKey, wakeups: Wakeups): Outbox =>
  new Outbox({ masterKey, isConfigured: smtpUrl !== null, queued: () => wakeups.raise(TOPICS.mail) });

type Governed = {
  systemTransaction: <Result>(
    work: (tx: Parameters<Parameters<Database['transaction']>[1]>[0]) => Promise<Result>,
  ) => Promise<Result>;
  systemStatements: Governed['systemTransaction'];
};
