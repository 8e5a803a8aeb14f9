import { statement, type Tx } from '../../../platform/db/index.ts';
import type { DataKeyName, Purpose, RootKey, RootKeyWrapping, WrappedDataKey } from './model.ts';

type RootRow = { version: number; master_key_id: string };
type WrappingRow = { master_key_id: string; wrapped: Buffer };
type DataRow = { org_id: string; purpose: Purpose; version: number; root_version: number; wrapped: Buffer };
const DATA_COLUMNS = 'org_id, purpose, version, root_version, wrapped';

// First starts and rotations one after the other.
const lock = statement('vault.lock_roots', 'select pg_advisory_xact_lock(7201936430)');
const roots = statement<RootRow>('vault.roots', 'select version, master_key_id from root_keys order by version');
const wrappings = statement<WrappingRow>(
  'vault.wrappings',
  'select master_key_id, wrapped from root_key_wrappings where root_version = $1',
);
const insertRootRow = statement('vault.insert_root', 'insert into root_keys (version, master_key_id) values ($1, $2)');
const insertWrappingRow = statement(
  'vault.insert_wrapping',
  `insert into root_key_wrappings (root_version, master_key_id, wrapped) values ($1, $2, $3)
   on conflict on constraint root_key_wrappings__pk do nothing`,
);
// The reference of data keys keeps a root key that is in use, whatever is thought here.
const deleteRoots = statement<{ version: number }>(
  'vault.delete_roots',
  `delete from root_keys r where r.version < $1
     and not exists (select from data_keys d where d.root_version = r.version)
   returning r.version`,
);
const deleteWrappings = statement<{ master_key_id: string }>(
  'vault.delete_wrappings',
  `delete from root_key_wrappings w using root_keys r
   where r.version = w.root_version and w.master_key_id <> r.master_key_id
     and not exists (select from root_keys other where other.version < r.version)
   returning w.master_key_id`,
);
const pending = statement<{ count: number }>(
  'vault.pending_data_keys',
  'select count(*)::integer as count from data_keys where root_version < $1',
);
const needed = statement<{ master_key_id: string }>(
  'vault.needed_master_keys',
  'select distinct master_key_id from root_key_wrappings order by master_key_id',
);
const newestDataKey = statement<DataRow>(
  'vault.newest_data_key',
  `select ${DATA_COLUMNS} from data_keys where org_id = $1 and purpose = $2 order by version desc limit 1`,
);
const oneDataKey = statement<DataRow>(
  'vault.data_key',
  `select ${DATA_COLUMNS} from data_keys where org_id = $1 and purpose = $2 and version = $3`,
);
const insertDataRow = statement(
  'vault.insert_data_key',
  `insert into data_keys (org_id, purpose, version, root_version, wrapped) values ($1, $2, $3, $4, $5)
   on conflict on constraint data_keys__pk do nothing`,
);
const underOlderRoots = statement<DataRow>(
  'vault.data_keys_to_wrap',
  `select ${DATA_COLUMNS} from data_keys where root_version < $1 order by org_id, purpose, version limit $2`,
);
const rewrap = statement(
  'vault.rewrap_data_key',
  `update data_keys set root_version = $5, wrapped = $6
   where org_id = $1 and purpose = $2 and version = $3 and root_version = $4`,
);
const purposesOf = statement<{ purpose: Purpose; version: number }>(
  'vault.purposes',
  'select purpose, max(version) as version from data_keys where org_id = $1 group by purpose order by purpose',
);
const replaced = statement<{ org_id: string; purpose: Purpose; version: number; is_settled: boolean }>(
  'vault.replaced_data_keys',
  `select org_id, purpose, max(version) as version, max(created_at) < now() - make_interval(secs => $1) as is_settled
   from data_keys group by org_id, purpose having count(*) > 1 order by max(created_at) limit $2`,
);
const deleteReplaced = statement(
  'vault.delete_replaced_data_keys',
  'delete from data_keys where org_id = $1 and purpose = $2 and version < $3',
);

/** Holds first starts and rotations apart until the transaction ends. */
export async function lockRootKeys(tx: Tx): Promise<void> {
  await tx.query(lock, []);
}

/** Root keys, the oldest first. */
export const listRootKeys = async (tx: Tx): Promise<RootKey[]> =>
  (await tx.query(roots, [])).map((row) => ({ version: row.version, masterKeyId: row.master_key_id }));

export const listWrappings = async (tx: Tx, version: number): Promise<RootKeyWrapping[]> =>
  (await tx.query(wrappings, [version])).map((row) => ({ masterKeyId: row.master_key_id, wrapped: row.wrapped }));

export async function insertRootKey(tx: Tx, root: RootKey, by: readonly RootKeyWrapping[]): Promise<void> {
  await tx.query(insertRootRow, [root.version, root.masterKeyId]);
  for (const wrapping of by) await insertWrapping(tx, root.version, wrapping);
}

export async function insertWrapping(tx: Tx, version: number, by: RootKeyWrapping): Promise<void> {
  await tx.query(insertWrappingRow, [version, by.masterKeyId, by.wrapped]);
}

/** Takes away root keys before this one that nothing lies under any more; gives their versions. */
export const deleteRootKeysBefore = async (tx: Tx, version: number): Promise<number[]> =>
  (await tx.query(deleteRoots, [version])).map((row) => row.version);

/** When only the newest root key is left, takes its wrappings by other master keys than its own away. */
export const deleteSpareWrappings = async (tx: Tx): Promise<string[]> =>
  (await tx.query(deleteWrappings, [])).map((row) => row.master_key_id);

export async function countPending(tx: Tx, rootVersion: number): Promise<number> {
  return (await tx.query(pending, [rootVersion]))[0]?.count ?? 0;
}

export const listNeededMasterKeys = async (tx: Tx): Promise<string[]> =>
  (await tx.query(needed, [])).map((row) => row.master_key_id);

export const findNewestDataKey = async (tx: Tx, orgId: string, purpose: Purpose): Promise<WrappedDataKey | null> =>
  toDataKey((await tx.query(newestDataKey, [orgId, purpose]))[0]);

export const findDataKey = async (tx: Tx, { orgId, purpose, version }: DataKeyName): Promise<WrappedDataKey | null> =>
  toDataKey((await tx.query(oneDataKey, [orgId, purpose, version]))[0]);

/** Keeps a data key unless there is one of this version. */
export async function insertDataKey(tx: Tx, key: WrappedDataKey): Promise<void> {
  await tx.query(insertDataRow, [key.orgId, key.purpose, key.version, key.rootVersion, key.wrapped]);
}

/** Data keys that lie under an older root key than this. */
export const listDataKeysBefore = async (tx: Tx, rootVersion: number, limit: number): Promise<WrappedDataKey[]> =>
  (await tx.query(underOlderRoots, [rootVersion, limit])).map(fromDataRow);

/** Puts a data key under another root key, unless somebody else did. */
export async function rewrapDataKey(tx: Tx, key: WrappedDataKey, to: { rootVersion: number; wrapped: Buffer }) {
  await tx.query(rewrap, [key.orgId, key.purpose, key.version, key.rootVersion, to.rootVersion, to.wrapped]);
}

/** What an organization has data keys for, with the newest version of each. */
export const listPurposes = (tx: Tx, orgId: string): Promise<{ purpose: Purpose; version: number }[]> =>
  tx.query(purposesOf, [orgId]);

/** Data keys that a newer one has taken the place of: those, and whether every process knows the newer one by now. */
export async function listReplaced(
  tx: Tx,
  { settledAfterSeconds, limit }: { settledAfterSeconds: number; limit: number },
): Promise<(DataKeyName & { isSettled: boolean })[]> {
  const rows = await tx.query(replaced, [settledAfterSeconds, limit]);
  return rows.map((row) => ({
    orgId: row.org_id,
    purpose: row.purpose,
    version: row.version,
    isSettled: row.is_settled,
  }));
}

export async function deleteDataKeysBefore(tx: Tx, { orgId, purpose, version }: DataKeyName): Promise<void> {
  await tx.query(deleteReplaced, [orgId, purpose, version]);
}

const toDataKey = (row: DataRow | undefined): WrappedDataKey | null => (row ? fromDataRow(row) : null);

const fromDataRow = (row: DataRow): WrappedDataKey => ({
  orgId: row.org_id,
  purpose: row.purpose,
  version: row.version,
  rootVersion: row.root_version,
  wrapped: row.wrapped,
});
