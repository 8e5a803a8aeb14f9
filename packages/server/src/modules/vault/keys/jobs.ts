import type { Tx } from '../../../platform/db/index.ts';
import type { Log } from '../../../platform/log.ts';
import type { DataKeys } from './data-keys.ts';
import type { DataKeyName, Purpose } from './model.ts';
import type { RootKeys } from './root-keys.ts';
import * as store from './store.ts';

/** Seals values anew under a data key that took another's place. Each kind of value has one. */
export type Resealer = {
  purpose: Purpose;
  /** Takes some of the organization's values that are sealed with older keys; gives how many it found. */
  reseal(tx: Tx, newest: DataKeyName, limit: number): Promise<number>;
};

export type KeyChores = {
  roots: RootKeys;
  dataKeys: DataKeys;
  resealers: readonly Resealer[];
  /** On the system handle. */
  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  log: Log;
};

const BATCH = 200;
/** Of one run; the rest waits for the next. */
const MOST_BATCHES = 500;
/**
 * By then every process seals with the newer key (a minute), what one had begun with the older is written, and what is
 * sealed for minutes only, a person on the way to an issuer, is over: that is not sealed anew.
 */
const SETTLED_AFTER_SECONDS = 20 * 60;

/** Brings everything under the newest keys, then takes the older ones away. Runs in any worker, and again after a crash. */
export async function moveToNewestKeys(chores: KeyChores): Promise<void> {
  await chores.roots.reload();
  await moveDataKeys(chores);
  const replaced = await chores.transaction((tx) =>
    store.listReplaced(tx, { settledAfterSeconds: SETTLED_AFTER_SECONDS, limit: BATCH }),
  );
  for (const newest of replaced) await moveValues(chores, newest);
}

async function moveDataKeys({ roots, dataKeys, transaction, log }: KeyChores): Promise<void> {
  const { version } = roots.newest;
  for (let round = 0; round < MOST_BATCHES; round++) {
    const moved = await transaction(async (tx) => {
      const keys = await store.listDataKeysBefore(tx, version, BATCH);
      for (const key of keys) await store.rewrapDataKey(tx, key, dataKeys.wrapAnew(key));
      return keys.length;
    });
    if (moved === 0) break;
    log.info({ data_keys: moved, root_version: version }, 'data keys were wrapped anew');
  }
  // Only one that has the master key in use may take the others' way in away.
  if (roots.lacking !== null) return;
  const ended = await transaction(async (tx) => {
    await store.lockRootKeys(tx);
    return { roots: await store.deleteRootKeysBefore(tx, version), masterKeys: await store.deleteSpareWrappings(tx) };
  });
  if (ended.masterKeys.length > 0)
    log.info(
      { master_keys: ended.masterKeys },
      'a master key is not needed any more: it opens nothing in this database',
    );
}

async function moveValues(chores: KeyChores, newest: DataKeyName & { isSettled: boolean }): Promise<void> {
  const { resealers, transaction, log } = chores;
  const resealer = resealers.find(({ purpose }) => purpose === newest.purpose);
  if (!resealer) return;
  for (let round = 0; round < MOST_BATCHES; round++) {
    const found = await transaction((tx) => resealer.reseal(tx, newest, BATCH));
    if (found > 0) continue;
    if (newest.isSettled) await transaction((tx) => store.deleteDataKeysBefore(tx, newest));
    return;
  }
  log.warn({ org_id: newest.orgId, purpose: newest.purpose }, 'values are still being sealed anew');
}
