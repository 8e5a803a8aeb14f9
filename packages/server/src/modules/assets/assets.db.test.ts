import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aCall, aPrincipal } from '../../../test/calls.ts';
import { testDatabase } from '../../../test/database.ts';
import { governed } from '../../../test/governed.ts';
import { type ScratchDirectory, scratchDirectory } from '../../../test/scratch-directory.ts';
import { newId, type OrganizationId } from '../../kernel/ids.ts';
import { DiskBlobs } from './adapters/disk-blobs.ts';
import { removeUnreferredContent } from './jobs.ts';
import { assetOperations, readAsset } from './operations.ts';
import { addAsset } from './references.ts';

const db = testDatabase();
const operator = governed(db);
let folder: ScratchDirectory;
beforeAll(async () => {
  folder = await scratchDirectory();
});
afterAll(() => folder[Symbol.asyncDispose]());

/** A file of an organization, stored and referred to. */
async function aFile(orgId: string, bytes: Buffer): Promise<string> {
  const { digest, sizeBytes } = await new DiskBlobs(folder.path).put(bytes);
  return db.app.transaction({ orgId }, async (tx) =>
    addAsset(tx, { orgId, digest, sizeBytes, mediaType: 'text/plain', filename: 'out/report.txt' }),
  );
}

const download = async (orgId: string, id: string) => {
  const { downloadAsset } = assetOperations({ blobs: new DiskBlobs(folder.path) });
  return operator.run(downloadAsset, aCall({ principal: aPrincipal({ orgId: orgId as OrganizationId }) }), { id });
};

describe('an asset', () => {
  test('is downloaded with its name, size and digest', async () => {
    const orgId = await db.organization();
    const bytes = randomBytes(1_000);
    const { asset, content } = await download(orgId, await aFile(orgId, bytes));
    expect(asset).toMatchObject({ orgId, sizeBytes: 1_000, mediaType: 'text/plain', filename: 'out/report.txt' });
    expect((await buffer(content)).equals(bytes)).toBe(true);
  });

  test('of another organization is as one that does not exist, though its content is shared', async () => {
    const [mine, theirs] = [await db.organization(), await db.organization()];
    const bytes = Buffer.from('the same content');
    const [own, foreign] = [await aFile(mine, bytes), await aFile(theirs, bytes)];
    const refusals = await Promise.all(
      [foreign, newId(), 'no-uuid', '../../etc/passwd', ''].map((id) => download(mine, id).catch((error) => error)),
    );
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ kind: 'not_found', message: 'There is no asset with this id.' });
    }
    (await download(mine, own)).content.destroy();
  });

  test('whose content is gone says so, and is not taken for an empty one', async () => {
    const orgId = await db.organization();
    const id = await aFile(orgId, Buffer.from('to be lost'));
    await rm(folder.path, { recursive: true });
    await expect(download(orgId, id)).rejects.toMatchObject({ kind: 'unavailable', code: 'asset.content_missing' });
    const whole = await db.app.statements({ orgId }, (tx) => readAsset(tx, new DiskBlobs(folder.path), orgId, id));
    expect(whole).toHaveLength(0);
  });
});

describe('content', () => {
  const sweep = (youngMs: number) =>
    removeUnreferredContent(new DiskBlobs(folder.path), (work) => db.system.statements({ orgId: null }, work), youngMs);

  test('goes when no organization refers to it any more, and not while one does or it is young', async () => {
    const [mine, theirs] = [await db.organization(), await db.organization()];
    const bytes = Buffer.from('content of two');
    const ids = [await aFile(mine, bytes), await aFile(theirs, bytes)];
    await aFile(mine, Buffer.from('of one'));
    await db.owner.query('delete from assets where org_id = $1', [mine]);
    expect(await sweep(60_000)).toBe(0);
    expect(await sweep(-1_000)).toBe(1);
    (await download(theirs, ids[1] ?? '')).content.destroy();
    await db.owner.query('delete from assets where org_id = $1', [theirs]);
    expect(await sweep(-1_000)).toBe(1);
    expect(await sweep(-1_000)).toBe(0);
  });

  test('that is stored again just then stays', async () => {
    const blobs = new DiskBlobs(folder.path);
    const { digest } = await blobs.put(Buffer.from('stored twice'));
    expect(await blobs.removeIdle(digest, 60_000)).toBe(false);
    expect(await blobs.open(digest)).not.toBeNull();
  });
});
