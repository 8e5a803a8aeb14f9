import { randomBytes } from 'node:crypto';
import { DataKeys, RootKeys } from '../src/modules/vault/index.ts';
import { type KeySource, localKey } from '../src/platform/crypto/key-wrapper.ts';
import { MasterKeys } from '../src/platform/crypto/master-keys.ts';
import type { Tx } from '../src/platform/db/index.ts';
import type { TestDatabase } from './database.ts';

type Work = <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>;

/** The keys of the vault as one process has them. */
export type TestVault = {
  masterKeys: MasterKeys;
  roots: RootKeys;
  dataKeys: DataKeys;
  transaction: Work;
  statements: Work;
};

/** What a test may put new master keys in front of, as an operator does. */
export const keyShelf = (...keys: Buffer[]): Buffer[] => (keys.length > 0 ? keys : [randomBytes(32)]);

const sourceOf = (shelf: Buffer[]): KeySource => ({
  read: async () => shelf.map(localKey),
  async generate() {
    shelf.unshift(randomBytes(32));
  },
});

/** Opens the vault of a test database as one process does; `shelf` holds its master keys. */
export async function openVault(db: TestDatabase, shelf: Buffer[]): Promise<TestVault> {
  const transaction: Work = (work) => db.system.transaction({ orgId: null }, work);
  const statements: Work = (work) => db.system.statements({ orgId: null }, work);
  const masterKeys = await MasterKeys.load([sourceOf(shelf)]);
  const roots = await RootKeys.load({ masterKeys, transaction, statements });
  return { masterKeys, roots, dataKeys: new DataKeys({ roots, statements }), transaction, statements };
}
