import { Anchoring, type AnchoringOptions, Sequencer, type SequencerOptions } from '../modules/audit/index.ts';
import { deleteExpiredCaptures } from '../modules/captures/index.ts';
import type { Endings } from '../modules/evaluations/index.ts';
import { deleteEvaluationsOlderThan, Janitor } from '../modules/evaluations/index.ts';
import { prepareEvents, retainEvents } from '../modules/events/index.ts';
import { deleteExpiredLogins, deleteOldDeviceRequests, deleteSpentIdentity } from '../modules/identity/index.ts';
import {
  LedgerJanitor,
  prepareUsage,
  type RecoveryOptions,
  retainCounters,
  retainUsage,
} from '../modules/metering/index.ts';
import { retainCachedAnswers } from '../modules/providers/index.ts';
import { forgetOldRunners } from '../modules/runners/index.ts';
import { deleteOldBillingMessages, deleteOldInvitations } from '../modules/tenancy/index.ts';
import { deleteExpiredTokens, deleteOldAuthorizations, deleteRevokedCredentials } from '../modules/vault/index.ts';
import {
  Deliverer,
  type DelivererOptions,
  FanOut,
  type FanOutOptions,
  retainDeliveries,
} from '../modules/webhooks/index.ts';
import {
  deleteFiringsOlderThan,
  deleteRunsOlderThan,
  Engine,
  type EngineOptions,
  RunJanitor,
  Scheduler,
  type SchedulerOptions,
} from '../modules/workflows/index.ts';
import type { DatabaseAddress, Tx } from '../platform/db/index.ts';
import { deleteOldKeys } from '../platform/idempotency-store.ts';
import type { Log } from '../platform/log.ts';
import type { MailSender } from '../platform/mail/sender.ts';
import { type Chore, startChores } from '../platform/queue/chores.ts';
import { deleteOldWindows } from '../platform/shared-allowances.ts';

export type WorkerOptions = {
  address: DatabaseAddress;
  /** On the system handle. */
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  sequencer: SequencerOptions;
  anchoring: AnchoringOptions;
  endings: Endings;
  requeued(): void;
  told(): void;
  evaluationRetentionDays: number;
  eventRetentionDays: number;
  usageRetentionDays: number;
  webhookRetentionDays: number;
  /** What reads events for webhooks, and what sends the messages. */
  webhooks: { fanOut: FanOutOptions; deliverer: DelivererOptions };
  workflowRetentionDays: number;
  workflows: EngineOptions;
  schedules: SchedulerOptions;
  ledger: RecoveryOptions['ledger'];
  /** Deletes assets whose time is over, and removes from the store what nothing refers to any more. */
  collectGarbage(): Promise<void>;
  /** Erases organizations whose grace is over; says how many. */
  eraseDueOrganizations(): Promise<number>;
  /** Sends mail; null without a mail server. */
  mail: MailSender | null;
  /** Replaces the key of access tokens when it is old enough. */
  rotateSigningKey(): Promise<void>;
  /** Brings what is sealed under the newest keys of the vault. */
  moveToNewestKeys(): Promise<void>;
  log: Log;
};

/** Batches of one retention chore: a backlog of millions goes over several hours, not in one long statement. */
const MOST_BATCHES = 200;

/** Starts what runs in the background, beside requests: the janitor, and chores by schedule. */
export async function startWorker(options: WorkerOptions): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const start = (part: AsyncDisposable & { start(): void }): void => stack.use(part).start();
  start(new Janitor(options));
  start(new Sequencer(options.sequencer));
  start(new Anchoring(options.anchoring));
  start(new LedgerJanitor(options));
  start(new FanOut(options.webhooks.fanOut));
  start(new Deliverer(options.webhooks.deliverer));
  if (options.mail) start(options.mail);
  start(new Engine(options.workflows));
  start(new RunJanitor(options.workflows));
  start(new Scheduler(options.schedules));
  stack.use(await startChores(options.address, choresOf(options), options.log.child({ subsystem: 'chores' })));
  return stack.move();
}

function choresOf({
  statements,
  transaction,
  evaluationRetentionDays,
  eventRetentionDays,
  usageRetentionDays,
  webhookRetentionDays,
  workflowRetentionDays,
  eraseDueOrganizations,
  collectGarbage,
  rotateSigningKey,
  moveToNewestKeys,
}: WorkerOptions): Chore[] {
  const inBatches = async (batch: (tx: Tx) => Promise<number>, run = statements): Promise<void> => {
    for (let round = 0; round < MOST_BATCHES; round++) if ((await run(batch)) === 0) return;
  };
  return [
    {
      name: 'retain_evaluations',
      schedule: '7 * * * *',
      run: () => inBatches((tx) => deleteEvaluationsOlderThan(tx, evaluationRetentionDays), transaction),
    },
    { name: 'make_event_partitions', schedule: '17 0 * * *', run: () => statements(prepareEvents) },
    {
      name: 'retain_events',
      schedule: '53 * * * *',
      run: async () => void (await statements((tx) => retainEvents(tx, eventRetentionDays))),
    },
    {
      name: 'retain_webhook_deliveries',
      schedule: '41 * * * *',
      run: () => inBatches((tx) => retainDeliveries(tx, webhookRetentionDays)),
    },
    {
      name: 'retain_workflow_runs',
      schedule: '47 * * * *',
      run: async () => {
        await inBatches((tx) => deleteRunsOlderThan(tx, workflowRetentionDays), transaction);
        await inBatches((tx) => deleteFiringsOlderThan(tx, workflowRetentionDays));
      },
    },
    { name: 'retain_cached_answers', schedule: '*/5 * * * *', run: () => inBatches(retainCachedAnswers) },
    { name: 'retain_rate_windows', schedule: '*/5 * * * *', run: () => statements(deleteOldWindows) },
    { name: 'retain_idempotency_keys', schedule: '27 * * * *', run: () => statements(deleteOldKeys) },
    { name: 'erase_organizations', schedule: '3 * * * *', run: async () => void (await eraseDueOrganizations()) },
    { name: 'collect_asset_garbage', schedule: '*/5 * * * *', run: collectGarbage },
    { name: 'retain_invitations', schedule: '13 3 * * *', run: () => statements(deleteOldInvitations) },
    { name: 'retain_billing_messages', schedule: '23 3 * * *', run: () => statements(deleteOldBillingMessages) },
    { name: 'retain_logins', schedule: '37 3 * * *', run: () => statements(deleteExpiredLogins) },
    { name: 'retain_device_requests', schedule: '43 * * * *', run: () => statements(deleteOldDeviceRequests) },
    { name: 'retain_sign_ins', schedule: '*/10 * * * *', run: () => statements(deleteSpentIdentity) },
    { name: 'rotate_signing_key', schedule: '57 2 * * *', run: rotateSigningKey },
    { name: 'retain_credentials', schedule: '33 3 * * *', run: () => forgetCredentials(inBatches) },
    { name: 'move_to_newest_keys', schedule: '* * * * *', run: moveToNewestKeys },
    { name: 'make_usage_partitions', schedule: '11 0 * * *', run: () => statements(prepareUsage) },
    {
      name: 'retain_usage',
      schedule: '21 4 * * *',
      run: async () => void (await statements((tx) => retainUsage(tx, usageRetentionDays))),
    },
    { name: 'retain_budget_counters', schedule: '31 4 * * *', run: () => inBatches(retainCounters) },
    { name: 'retain_captures', schedule: '9 * * * *', run: () => inBatches(deleteExpiredCaptures) },
    { name: 'forget_runners', schedule: '47 3 * * *', run: () => statements(forgetOldRunners) },
  ];
}

/** A revoked credential is shown for a while, so that whoever misses it sees what became of it. */
const REVOKED_CREDENTIAL_DAYS = 30;

async function forgetCredentials(inBatches: (batch: (tx: Tx) => Promise<number>) => Promise<void>): Promise<void> {
  await inBatches(deleteOldAuthorizations);
  await inBatches(deleteExpiredTokens);
  await inBatches((tx) => deleteRevokedCredentials(tx, REVOKED_CREDENTIAL_DAYS));
}
