import { statement, type Tx } from '../../platform/db/index.ts';
import { addUsage } from './store-contents.ts';

/** What an organization has in the store, and its own quota; null where that of the installation holds. */
export type Stock = { assetCount: number; storedBytes: number; reservedBytes: number; quotaBytes: number | null };

type Row = { asset_count: number; stored_bytes: number; reserved_bytes: number; quota_bytes: number | null };
const COLUMNS = ['asset_count', 'stored_bytes', 'reserved_bytes', 'quota_bytes'].map((name) => `u.${name}`).join(', ');
const stock = statement<Row>('assets.stock', `select ${COLUMNS} from asset_usage u where u.org_id = $1`);
const setQuota = statement<Row & { before: number | null }>(
  'assets.set_quota',
  `update asset_usage u set quota_bytes = $2
   from (select e.org_id, e.quota_bytes from asset_usage e where e.org_id = $1 for update) as earlier
   where u.org_id = earlier.org_id
   returning ${COLUMNS}, earlier.quota_bytes as before`,
);

export async function findStock(tx: Tx, orgId: string): Promise<Stock> {
  return toStock((await tx.query(stock, [orgId]))[0]);
}

/** Gives an organization a quota of its own, or takes it away; says what it was. */
export async function updateQuota(
  tx: Tx,
  orgId: string,
  quotaBytes: number | null,
): Promise<{ after: Stock; before: number | null }> {
  addUsage(tx, orgId);
  const [row] = await tx.query(setQuota, [orgId, quotaBytes]);
  return { after: toStock(row), before: row?.before ?? null };
}

const toStock = (row: Row | undefined): Stock => ({
  assetCount: row?.asset_count ?? 0,
  storedBytes: row?.stored_bytes ?? 0,
  reservedBytes: row?.reserved_bytes ?? 0,
  quotaBytes: row?.quota_bytes ?? null,
});
