import type { Tx } from '../../../platform/db/index.ts';
import type { Log } from '../../../platform/log.ts';
import { findLeftJournals, type JournalEntry } from './journal.ts';
import type { Ledger } from './ledger.ts';
import { keyOf, type LedgerAnswer, type LedgerCall, type Reservation, servedBy } from './model.ts';
import { findLost, findOfNode } from './store.ts';

export type RecoveryOptions = {
  ledger: Pick<Ledger, 'submit'>;
  /** On the system handle. */
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  log: Log;
};

/**
 * Settles what an earlier run of this machine's processes left behind, exactly as its journal says. What is not in the
 * journal was reserved and never begun.
 * @returns how many calls were settled or given back
 */
export async function recoverFromJournals(folder: string, options: RecoveryOptions): Promise<number> {
  let ended = 0;
  for (const { nodeId, entries, remove } of await findLeftJournals(folder)) {
    const known = new Map(entries.map((entry) => [keyOf(entry), entry]));
    const open = await options.statements((tx) => findOfNode(tx, nodeId));
    const answers = await Promise.all(
      open.map((reservation) => options.ledger.submit(endOf(reservation, known.get(keyOf(reservation))))),
    );
    remove();
    ended += answers.filter(isEnd).length;
    if (open.length > 0) options.log.info({ calls: open.length }, 'calls that a crash left open were settled');
  }
  return ended;
}

const isEnd = ({ outcome }: LedgerAnswer): boolean => outcome === 'settled' || outcome === 'released';

function endOf({ orgId, id, claims }: Reservation, entry: JournalEntry | undefined): LedgerCall {
  if (!entry || (entry.cost === 0 && Object.keys(entry.quantities).length === 0))
    return { kind: 'release', orgId, id, attached: {} };
  const { cost, quantities, asked } = entry;
  const end = { orgId, id, cost, quantities, outcome: 'lost', isEstimated: false, attached: {} } as const;
  return { kind: 'settle', ...end, ...servedBy(claims, asked) };
}

/** A process may be restarted, and settle by its journal, for this long after its lease ran out. */
const GRACE_SECONDS = 45;

/**
 * Settles calls whose process did not come back, by the last progress that it told the database of: what it delivered
 * after that, about a second's worth, is not billed. Runs on any process; two at once settle each call once.
 */
export async function settleLost(
  { ledger, statements, log }: RecoveryOptions,
  graceSeconds = GRACE_SECONDS,
): Promise<number> {
  const lost = await statements((tx) => findLost(tx, graceSeconds));
  const answers = await Promise.all(lost.map((reservation) => ledger.submit(lastKnownEnd(reservation))));
  if (lost.length > 0)
    log.warn({ calls: lost.length }, 'calls whose process is gone were settled by their last progress');
  return answers.filter(isEnd).length;
}

function lastKnownEnd({ orgId, id, progress, progressQuantities }: Reservation): LedgerCall {
  if (progress === 0 && Object.keys(progressQuantities).length === 0)
    return { kind: 'release', orgId, id, attached: {} };
  return {
    kind: 'settle',
    orgId,
    id,
    cost: progress,
    quantities: progressQuantities,
    outcome: 'lost',
    isEstimated: true,
    attached: {},
  };
}
