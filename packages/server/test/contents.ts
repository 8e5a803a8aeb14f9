import { Contents, DiskObjects, type Objects } from '../src/modules/assets/index.ts';
import type { TestDatabase } from './database.ts';
import { type ScratchDirectory, scratchDirectory } from './scratch-directory.ts';
import { keyShelf, openVault, type TestVault } from './vault.ts';

export type TestContents = AsyncDisposable & {
  folder: ScratchDirectory;
  objects: Objects;
  contents: Contents;
  vault: TestVault;
};

type Options = { quotaBytes?: number; isSealing?: boolean; vault?: TestVault };

/** Contents on a disk of the test's own. */
export async function testContents(db: TestDatabase, options: Options = {}): Promise<TestContents> {
  const folder = await scratchDirectory();
  const vault = options.vault ?? (await openVault(db, keyShelf()));
  const objects = new DiskObjects(folder.path);
  const contents = new Contents({
    objects,
    transaction: (orgId, work) => db.app.transaction({ orgId }, work),
    limits: { maxBytes: 1 << 30, quotaBytes: options.quotaBytes ?? null },
    dataKeys: vault.dataKeys,
    isSealing: options.isSealing === true,
  });
  return { folder, objects, contents, vault, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}
