import { Decisions } from '../../packages/server/src/modules/metering/ledger/decisions.ts';
import type { LedgerAnswer, LedgerCall } from '../../packages/server/src/modules/metering/ledger/model.ts';
import { lockLedger, writeChanges } from '../../packages/server/src/modules/metering/ledger/store.ts';
import type { Database } from '../../packages/server/src/platform/db/index.ts';

/** The same decision on the same rows by the same statements, in a transaction of its own. */
export const decideAlone = (system: Database, call: LedgerCall): Promise<LedgerAnswer> =>
  system.transaction({ orgId: null }, async (tx) => {
    const decisions = new Decisions(await lockLedger(tx, [call]));
    const answer = decisions.decide(call);
    writeChanges(tx, decisions.changes, 15);
    return answer;
  });
