import { Contents, DiskObjects, type Objects } from '../src/modules/assets/index.ts';
import type { TestDatabase } from './database.ts';
import { type ScratchDirectory, scratchDirectory } from './scratch-directory.ts';

export type TestContents = AsyncDisposable & { folder: ScratchDirectory; objects: Objects; contents: Contents };

/** Contents on a disk of the test's own. */
export async function testContents(
  db: Pick<TestDatabase, 'app'>,
  limits: { maxBytes?: number; quotaBytes?: number | null } = {},
): Promise<TestContents> {
  const folder = await scratchDirectory();
  const objects = new DiskObjects(folder.path);
  const contents = new Contents({
    objects,
    transaction: (orgId, work) => db.app.transaction({ orgId }, work),
    limits: { maxBytes: 1 << 30, quotaBytes: null, ...limits },
  });
  return { folder, objects, contents, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}
