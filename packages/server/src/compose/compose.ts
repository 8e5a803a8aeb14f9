import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { assertAllowed } from '../modules/access/index.ts';
import { collectGarbage } from '../modules/assets/index.ts';
import { Dispatcher } from '../modules/evaluations/index.ts';
import { insertEvent } from '../modules/events/index.ts';
import type { Bootstrap } from '../modules/identity/index.ts';
import { RunnerHub } from '../modules/runners/index.ts';
import { eraseDueOrganizations } from '../modules/tenancy/index.ts';
import { moveToNewestKeys } from '../modules/vault/index.ts';
import type { DatabaseAddress } from '../platform/db/index.ts';
import { createLog, type Log } from '../platform/log.ts';
import { MailSender } from '../platform/mail/sender.ts';
import { smtpTransport } from '../platform/mail/smtp.ts';
import { createGrpcServer } from '../roles/grpc-server.ts';
import { createHttpServer, type HttpServer } from '../roles/http-server.ts';
import { RunnerProcess } from '../roles/runner-process.ts';
import { listenOnSocket } from '../roles/runner-socket.ts';
import { startWorker } from '../roles/worker.ts';
import type { HttpKit } from '../surfaces/http/kit.ts';
import { LargeBodies } from '../surfaces/http/large-bodies.ts';
import { TrustedProxies } from '../surfaces/http/trusted-proxies.ts';
import type { Check } from '../surfaces/ops/index.ts';
import { RUNNER_PATH, RunnerEndpoint } from '../surfaces/runners/index.ts';
import { anchorPlaces } from './anchors.ts';
import { type Core, composeCore, TOPICS } from './core.ts';
import { openDatabase, prepareDatabase } from './database.ts';
import { type GrpcListener, listenForGrpc, planGrpc } from './grpc-listener.ts';
import { assertCanListen, urlOf } from './listening-address.ts';
import { composeOperations, listOperations, type Operations } from './operations.ts';
import { checkReadiness } from './readiness.ts';
import { RELEASE } from './release.ts';
import { runnerToken } from './runner-token.ts';
import { sandboxedHandlers } from './sandboxed-nodes.ts';
import { schedulerOptions } from './schedules.ts';
import { tenancyServices } from './tenancy.ts';
import { webhookWork } from './webhooks.ts';
import { workflowHandlers } from './workflow-nodes.ts';
import { capabilitiesOf } from './workflows.ts';

/** All that a sandbox needs is there; what the user's shell adds, shims for example, is of no use. */
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** How long a runner's lease lasts without a renewal. A lost runner's work goes on elsewhere after it. */
const LEASE_MS = 10_000;
/** Attempts of workflow nodes that one worker has under way: most of them wait for somebody else. */
const NODES_AT_ONCE = 64;

/** A running process. Disposing it stops it in phases. */
export type App = AsyncDisposable & {
  /** Where it listens; null when this process has no API. */
  url: string | null;
  /** Address of the gRPC listener, `host:port`; null when this process has none. */
  grpc: string | null;
  /** What a first start made; null on every later one. */
  firstStart: Bootstrap | null;
  operations: Operations;
  core: Core;
  http: HttpServer | null;
};

/** What is there already, or what tests put in the place of the real thing. */
export type Overrides = { log?: Log; address?: DatabaseAddress };

/** Builds and starts everything that the configuration asks of this process. */
export async function compose(config: Config, overrides: Overrides = {}): Promise<App> {
  await using stack = new AsyncDisposableStack();
  const log = overrides.log ?? logOf(config);
  if (!config.rateLimits)
    log.warn(
      'RATE LIMITS ARE OFF. Anybody with a key can use all of this machine. Meant for benchmarks and tests only.',
    );
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const address = overrides.address ?? (await openDatabase(config, log, stack));
  await prepareDatabase(config, address);
  if (config.role.has('api')) await assertCanListen(config);
  const grpc = config.role.has('api') ? await planGrpc(config) : null;
  const core = await composeCore(config, address, log, stack);
  const operations = composeOperations(core);
  // Those that take requests and those that run nodes both ask what runners have.
  await core.fleet.start();
  const api = config.role.has('api') ? await startApi(core, operations, grpc, stack) : null;
  if (config.role.has('worker')) stack.use(await startWorker(workerOptions(core, operations, stack)));
  const started = stack.move();
  return {
    url: api?.url ?? null,
    grpc: api?.grpc ?? null,
    firstStart: core.firstStart,
    operations,
    core,
    http: api?.http ?? null,
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

/** Where this process writes what happens. */
export const logOf = ({ logLevel, logFormat }: Config): Log =>
  createLog({
    level: logLevel,
    format: logFormat === 'auto' ? (process.stderr.isTTY ? 'pretty' : 'json') : logFormat,
  });

const workerOptions = (
  core: Core,
  operations: Operations,
  stack: AsyncDisposableStack,
): Parameters<typeof startWorker>[0] => ({
  address: core.address,
  statements: core.systemStatements,
  transaction: core.systemTransaction,
  sequencer: {
    transaction: core.systemTransaction,
    keys: core.checkpointKeys,
    emit: insertEvent,
    told: core.told,
    // Whatever is audited also raises this.
    onWake: core.onWake(TOPICS.events),
    log: core.log.child({ subsystem: 'audit' }),
  },
  anchoring: {
    statements: core.systemStatements,
    places: anchorPlaces(core.config),
    everySeconds: core.config.auditAnchorSeconds,
    log: core.log.child({ subsystem: 'audit' }),
  },
  endings: core.endings,
  requeued: () => core.wakeups.raise(TOPICS.queued),
  told: core.told,
  evaluationRetentionDays: core.config.evaluationRetentionDays,
  eventRetentionDays: core.config.eventRetentionDays,
  usageRetentionDays: core.config.usageRetentionDays,
  webhookRetentionDays: core.config.webhookRetentionDays,
  webhooks: webhookWork(core, stack),
  workflowRetentionDays: core.config.workflowRetentionDays,
  workflows: {
    ...core.workflows,
    statements: core.systemStatements,
    handlers: { ...workflowHandlers(core, operations, stack), ...sandboxedHandlers(core, operations) },
    capabilities: () => capabilitiesOf(core.fleet),
    onReady: core.onWake(TOPICS.workflows),
    onEnded: (listener) => core.wakeups.on(TOPICS.runsEnded, listener),
    concurrency: NODES_AT_ONCE,
    leaseMs: LEASE_MS,
    stopMs: core.config.stopSeconds * 1000,
    log: core.log.child({ subsystem: 'workflows' }),
  },
  schedules: schedulerOptions(core, operations.workflows),
  ledger: core.metering.ledger,
  collectGarbage: () =>
    collectGarbage({
      objects: core.objects,
      transaction: core.systemTransaction,
      statements: core.systemStatements,
    }),
  eraseDueOrganizations: () => eraseDueOrganizations(tenancyServices(core)),
  mail: mailOf(core),
  rotateSigningKey: () => rotateSigningKey(core),
  moveToNewestKeys: () => moveToNewestKeys(core.vault.chores),
  log: core.log,
});

/** Replaces the key of access tokens when it is old enough; every process hears of it with the commit. */
const rotateSigningKey = ({ config, signingKeys, systemTransaction, wakeups }: Core): Promise<void> =>
  systemTransaction(async (tx) => {
    if (await signingKeys.rotateIfOlder(tx, config.signingKeyDays)) wakeups.raiseWith(tx, TOPICS.signingKeys);
  });

/** How this process sends what lies in the outbox; null when there is no mail server to give it to. */
function mailOf({ config, masterKey, systemStatements, onWake, log }: Core): MailSender | null {
  if (config.smtpUrl === null) return null;
  return new MailSender({
    transport: smtpTransport({ url: config.smtpUrl, from: config.mailFrom }),
    masterKey,
    statements: systemStatements,
    onQueued: onWake(TOPICS.mail),
    log: log.child({ subsystem: 'mail' }),
  });
}

/** All surfaces, runners that dial in, and the dispatch between them; disposed in reverse: requests end first. */
async function startApi(
  core: Core,
  operations: Operations,
  grpcListener: GrpcListener | null,
  stack: AsyncDisposableStack,
): Promise<{ url: string; grpc: string | null; http: HttpServer }> {
  const { config, log, wakeups } = core;
  await core.feed.start();
  const hub = stack.use(
    new RunnerHub({
      statements: core.systemStatements,
      changed: () => wakeups.raise(TOPICS.runners),
      log: log.child({ subsystem: 'runners' }),
    }),
  );
  const token = await runnerToken(config);
  const endpoint = stack.use(
    new RunnerEndpoint({ hub, token: token.value, leaseMs: LEASE_MS, log: log.child({ subsystem: 'runners' }) }),
  );
  const dispatcher = stack.use(createDispatcher(core, hub));
  const runner = config.role.has('runner') ? await startRunner(core, endpoint, token.file, stack) : null;
  dispatcher.start();
  const slots = (): number => hub.connections.reduce((sum, { offer }) => sum + offer.slots, 0);
  core.metrics.gauge('assay_runners_connected', 'Runners connected to this process.', () => hub.connections.length);
  core.metrics.gauge('assay_runner_slots', 'Slots of the runners connected to this process.', slots);
  core.metrics.gauge(
    'assay_evaluations_running',
    'Evaluations that this process has given out.',
    () => dispatcher.running,
  );
  core.metrics.gauge('assay_event_streams', 'Open event streams.', () => core.feed.streams);

  const kit = httpKit(core, operations);
  const grpc = grpcListener === null ? null : composeGrpc(core, operations, kit, grpcListener);
  const http = await createHttpServer({
    kit,
    operations,
    readiness: async () => [...(await checkReadiness(core)), ...(grpc === null ? [] : [grpc.check()])],
    health: core.providers.breakers,
    jwks: () => core.signingKeys.jwks(),
    release: RELEASE,
    stopMs: config.stopSeconds * 1000,
    silenceMs: config.assetSilenceSeconds * 1000,
    claimedPaths: new Set([RUNNER_PATH]),
  });
  // Together: what a request waits for is the end of a run.
  stack.defer(async () => {
    const stopped = [http[Symbol.asyncDispose](), drain(dispatcher, config.stopSeconds)];
    if (grpc !== null) stopped.push(grpc.app[Symbol.asyncDispose]());
    await Promise.all(stopped);
  });
  endpoint.attach(http.server);
  const port = await http.listen(config.host, config.httpPort);
  await grpc?.listen();
  const url = urlOf(config.host, port);
  log.info({ url, grpc: grpc?.address, runner_pid: runner?.pid }, 'listening');
  return { url, grpc: grpc?.address ?? null, http };
}

function composeGrpc(core: Core, operations: Operations, kit: HttpKit, listener: GrpcListener) {
  const app = createGrpcServer({
    kit,
    operations,
    readiness: () => checkReadiness(core),
    tls: listener.tls,
    stopMs: core.config.stopSeconds * 1000,
    log: core.log.child({ subsystem: 'grpc' }),
  });
  return {
    app,
    address: null as string | null,
    async listen(): Promise<void> {
      const port = await listenForGrpc(app, listener, core.log);
      this.address = new URL(urlOf(listener.host, port)).host;
    },
    check(): Check {
      const detail = `listens on ${this.address}, ${listener.tls === null ? 'in plain text' : 'with TLS'}`;
      return { name: 'grpc', ok: this.address !== null, detail };
    },
  };
}

function httpKit(core: Core, operations: Operations): HttpKit {
  const byName = new Map(listOperations(operations).map((operation) => [operation.name, operation]));
  return {
    operator: core.operator,
    authenticator: core.authenticator,
    authorize(principal, name) {
      const operation = byName.get(name);
      if (!operation) throw new Error(`There is no operation named "${name}".`);
      assertAllowed(principal, operation, new Date());
    },
    peekRate(rate, call) {
      return core.limiter?.peek(core.claimsOf(rate, call)) ?? null;
    },
    largeBodies: new LargeBodies(),
    publicUrl: core.config.publicUrl,
    proxies: new TrustedProxies(core.config.trustedProxies),
    metrics: core.metrics,
    log: core.log.child({ subsystem: 'http' }),
  };
}

function createDispatcher(core: Core, hub: RunnerHub): Dispatcher {
  const { wakeups, metrics } = core;
  return new Dispatcher({
    hub,
    contents: core.contents,
    endings: core.endings,
    statements: core.systemStatements,
    transaction: core.systemTransaction,
    onQueued: core.onWake(TOPICS.queued),
    onCancelled: (listener) => wakeups.on(TOPICS.cancelled, listener),
    onRunners: core.onWake(TOPICS.runners),
    told: core.told,
    nodeWoken: () => wakeups.raise(TOPICS.workflows),
    observe: {
      waited: (seconds) => metrics.queueWait.observe(seconds),
      ended: (outcome, engine) => metrics.evaluations.inc({ outcome, engine: engine || 'unknown' }),
    },
    leaseMs: LEASE_MS,
    log: core.log.child({ subsystem: 'dispatch' }),
  });
}

async function startRunner(
  core: Core,
  endpoint: RunnerEndpoint,
  tokenFile: string,
  stack: AsyncDisposableStack,
): Promise<RunnerProcess> {
  const { config, log } = core;
  const socketPath = join(config.dataDir, 'run', `runner-${randomBytes(4).toString('hex')}.sock`);
  const socket = stack.use(await listenOnSocket(socketPath));
  endpoint.attach(socket.server);
  const runner = stack.use(
    new RunnerProcess({
      socketPath,
      tokenFile,
      stateDir: join(config.dataDir, 'runner'),
      path: SYSTEM_PATH,
      slots: config.runnerSlots,
      engines: config.runnerEngines,
      log: log.child({ subsystem: 'runner' }),
    }),
  );
  await runner.start();
  return runner;
}

/** Stops giving out work and waits for what runs; what is left then goes back to the queue when its lease ends. */
async function drain(dispatcher: Dispatcher, seconds: number): Promise<void> {
  await dispatcher.drain();
  const until = Date.now() + seconds * 1000;
  while (dispatcher.running > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
}
