import { insertLeaf } from '../modules/audit/index.ts';
import { type CapturePolicy, captureOperations, covers, PolicyBook, Recorder } from '../modules/captures/index.ts';
import type { Capturing, Keep } from '../modules/providers/index.ts';
import type { DataKeys } from '../modules/vault/index.ts';
import type { Database } from '../platform/db/index.ts';
import type { Log } from '../platform/log.ts';
import type { Wakeups } from '../platform/queue/wakeups.ts';
import type { Metrics } from '../platform/telemetry/metrics.ts';

export type CaptureParts = {
  database: Database;
  dataKeys: DataKeys;
  wakeups: Wakeups;
  /** Raised when some organization's policy changed. */
  topic: string;
  metrics: Metrics;
  told(): void;
  log: Log;
};

/** Keeps what is asked of models and answered, where organizations say so. Disposed, it writes what is left. */
export function composeCaptures(parts: CaptureParts, stack: AsyncDisposableStack): Capturing {
  const { database, dataKeys, wakeups, topic, metrics, told, log } = parts;
  const policies = new PolicyBook({
    statements: (orgId, work) => database.statements({ orgId }, work),
    hearsChanges: () => wakeups.connected,
  });
  wakeups.on(topic, () => policies.forget());
  const recorder = stack.use(
    new Recorder({
      dataKeys,
      transaction: (orgId, work) => database.transaction({ orgId }, work),
      missed(tx, orgId, { captures, from, to }) {
        insertLeaf(tx, {
          orgId,
          action: 'captures.missed',
          outcome: 'allowed',
          actor: { kind: 'system', id: 'captures' },
          via: 'job',
          target: { type: 'organization', id: orgId },
          requestId: '',
          traceId: null,
          detail: { captures, from: from.toISOString(), to: to.toISOString() },
          personal: {},
        });
        tx.onCommit(told);
      },
      observe: (outcome, count) => metrics.captures.inc({ outcome }, count),
      log: log.child({ subsystem: 'captures' }),
    }),
  );
  metrics.gauge('assay_captures_waiting', 'Captured calls that are not written yet.', () => recorder.waiting);
  return (claims) => {
    const known = policies.policyOf(claims.orgId);
    const keep = (policy: CapturePolicy): Keep | null =>
      covers(policy, claims) ? (call) => recorder.take({ ...call, policy }) : null;
    return known instanceof Promise ? known.then(keep) : keep(known);
  };
}

/** The operations on captures; listed without a core they are only looked at. */
export const captureOperationsOf = ({
  dataKeys,
  wakeups,
  topic,
}: Pick<CaptureParts, 'dataKeys' | 'wakeups' | 'topic'>) =>
  captureOperations({ dataKeys, policyChanged: (tx) => wakeups.raiseWith(tx, topic) });
