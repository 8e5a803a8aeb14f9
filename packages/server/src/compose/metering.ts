import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { isUuid } from '../kernel/ids.ts';
import { findTenancyRows } from '../modules/access/index.ts';
import { findKeyMakers } from '../modules/identity/index.ts';
import {
  type BudgetServices,
  budgetOperations,
  Journal,
  Ledger,
  PriceBook,
  PriceCatalogue,
  prepareUsage,
  priceOperations,
  recoverFromJournals,
  usageOperations,
} from '../modules/metering/index.ts';
import type { Database, Tx } from '../platform/db/index.ts';
import type { Log } from '../platform/log.ts';
import type { Wakeups } from '../platform/queue/wakeups.ts';

export type MeteringParts = {
  config: Pick<Config, 'dataDir'>;
  database: Database;
  systemTransaction: <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>;
  systemStatements: <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>;
  wakeups: Wakeups;
  topic: string;
  told(): void;
  log: Log;
};

export type Metering = { ledger: Ledger; prices: PriceBook };

/** Starts the ledger of this process, after it has settled what an earlier one on this machine left open. */
export async function composeMetering(parts: MeteringParts, stack: AsyncDisposableStack): Promise<Metering> {
  const { database, systemTransaction, systemStatements, wakeups, topic, told } = parts;
  const log = parts.log.child({ subsystem: 'metering' });
  await systemStatements(prepareUsage);
  const folder = join(parts.config.dataDir, 'metering');
  const journal = await Journal.start(folder);
  const ledger = stack.use(new Ledger({ transaction: systemTransaction, told, journal, log }));
  await recoverFromJournals(folder, { ledger, statements: systemStatements, log });
  const prices = new PriceBook({
    catalogue: PriceCatalogue.vendored(),
    statements: (orgId, work) => database.statements({ orgId }, work),
    hearsChanges: () => wakeups.connected,
  });
  wakeups.on(topic, () => prices.forget());
  return { ledger, prices };
}

/** The operations of metering; listed without a core they are only looked at. */
export function meteringOperations(
  { ledger = {} as Ledger, prices = {} as PriceBook }: Partial<Metering>,
  { database, wakeups, topic }: Pick<MeteringParts, 'database' | 'wakeups' | 'topic'>,
) {
  const billed = (): Promise<void> => ledger.billed();
  return {
    ...budgetOperations({ scopeExists, billed }),
    ...priceOperations({ book: prices, pricesChanged: (tx) => wakeups.raiseWith(tx, topic) }),
    ...usageOperations({ transaction: (scope, work) => database.transaction(scope, work), billed }),
  };
}

const scopeExists: BudgetServices['scopeExists'] = async (tx, orgId, { kind, id }) => {
  // Nothing here lists projects and agents yet, and calls name them as they like.
  if (kind === 'project' || kind === 'agent') return true;
  if (kind === 'organization') return id === orgId;
  if (!isUuid(id)) return false;
  const found =
    kind === 'team'
      ? await findTenancyRows(tx, { orgId, kind: 'teams', ids: [id] })
      : await findKeyMakers(tx, orgId, [id]);
  return found.size > 0;
};
