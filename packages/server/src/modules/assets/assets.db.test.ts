import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestContents, testContents } from '../../../test/contents.ts';
import { testDatabase } from '../../../test/database.ts';
import { statement } from '../../platform/db/index.ts';
import { collectGarbage } from './jobs.ts';
import type { Stored } from './model.ts';
import { readAsset } from './reads.ts';
import { addAssets, deleteAssets } from './references.ts';
import { assetResealer } from './reseal.ts';
import { findWithContent } from './store.ts';

/*
 * What is promised of assets as long as the database holds: nothing that is referred to is ever removed, everything that is
 * not is removed in the end, and the accounts are right.
 */
const db = testDatabase();
let disk: TestContents;
beforeAll(async () => {
  disk = await testContents(db, { quotaBytes: 1_000_000 });
});
afterAll(() => disk[Symbol.asyncDispose]());

const collect = (objects = disk.objects): Promise<void> =>
  collectGarbage({
    objects,
    transaction: (work) => db.system.transaction({ orgId: null }, work),
    statements: (work) => db.system.statements({ orgId: null }, work),
  });

/** Lets a day go by for an organization's contents and uploads. */
async function aDayLater(orgId: string): Promise<void> {
  await db.owner.query(`update asset_contents set released_at = released_at - interval '25 hours' where org_id = $1`, [
    orgId,
  ]);
  await db.owner.query(`update asset_uploads set started_at = started_at - interval '25 hours' where org_id = $1`, [
    orgId,
  ]);
}

async function* piece(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
const receive = (orgId: string, bytes: Buffer, sizeBytes: number | null = bytes.length): Promise<Stored> =>
  disk.contents.receive(orgId, { bytes: piece(bytes), sizeBytes, digests: [] });
const refer = async (orgId: string, stored: Stored): Promise<string> => {
  const file = { ...stored, mediaType: 'text/plain', filename: 'a' };
  return (await db.app.transaction({ orgId }, (tx) => addAssets(tx, orgId, [file])))[0] ?? '';
};
const remove = (orgId: string, id: string): Promise<number> =>
  db.app.transaction({ orgId }, (tx) => deleteAssets(tx, orgId, [id]));
const read = (orgId: string, id: string): Promise<Buffer> =>
  db.app.statements({ orgId }, (tx) => readAsset(tx, disk.contents, orgId, id));

async function filesOf(orgId: string): Promise<string[]> {
  const entries = await readdir(join(disk.folder.path, orgId), { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

/** What the accounts say, and what it must be by the rows themselves. */
async function accounts(orgId: string) {
  const { rows } = await db.owner.query(
    `select u.asset_count, u.stored_bytes, u.reserved_bytes,
       (select count(*) from assets a where a.org_id = $1) as assets,
       (select coalesce(sum(size_bytes), 0)::bigint from assets a where a.org_id = $1) as bytes,
       (select coalesce(sum(reserved_bytes), 0)::bigint from asset_uploads a where a.org_id = $1) as reserved
     from asset_usage u where u.org_id = $1`,
    [orgId],
  );
  const { asset_count, stored_bytes, reserved_bytes, assets, bytes, reserved } = rows[0];
  return { said: [asset_count, stored_bytes, reserved_bytes].map(Number), true: [assets, bytes, reserved].map(Number) };
}

describe('content', () => {
  test('is stored once for all assets that have it, and stays while one does', async () => {
    const orgId = await db.organization();
    const bytes = randomBytes(1_000);
    const ids = [await refer(orgId, await receive(orgId, bytes)), await refer(orgId, await receive(orgId, bytes))];
    await collect();
    expect(await filesOf(orgId)).toHaveLength(1);
    await remove(orgId, ids[0] ?? '');
    await aDayLater(orgId);
    await collect();
    expect((await read(orgId, ids[1] ?? '')).equals(bytes)).toBe(true);
    await remove(orgId, ids[1] ?? '');
    await collect();
    expect(await filesOf(orgId)).toHaveLength(1);
    await aDayLater(orgId);
    await collect();
    expect(await filesOf(orgId)).toEqual([]);
  });

  test('that gets a new asset within the day stays', async () => {
    const orgId = await db.organization();
    const bytes = randomBytes(1_000);
    await remove(orgId, await refer(orgId, await receive(orgId, bytes)));
    const id = await refer(orgId, await receive(orgId, bytes));
    await aDayLater(orgId);
    await collect();
    expect((await read(orgId, id)).equals(bytes)).toBe(true);
    expect(await filesOf(orgId)).toHaveLength(1);
  });

  test('of an organization that is erased goes with it', async () => {
    const orgId = await db.organization();
    await refer(orgId, await receive(orgId, randomBytes(10)));
    await receive(orgId, randomBytes(10));
    for (const table of ['assets', 'asset_contents', 'asset_uploads', 'asset_usage'])
      await db.owner.query(`delete from ${table} where org_id = $1`, [orgId]);
    await collect();
    expect(await filesOf(orgId)).toEqual([]);
  });

  test('from before, which organizations share, stays as long as one of them has it', async () => {
    const [one, other] = [await db.organization(), await db.organization()];
    const object = `ab/cd/${'abcd'.repeat(16)}`;
    await disk.objects.write(object, piece(Buffer.from('shared')));
    for (const orgId of [one, other])
      await db.owner.query(
        'insert into asset_contents (org_id, digest, object, size_bytes, released_at) values ($1, $2, $3, 6, now())',
        [orgId, 'abcd'.repeat(16), object],
      );
    await aDayLater(one);
    await collect();
    expect(await disk.objects.read(object, { start: 0, end: 0 })).not.toBeNull();
    await aDayLater(other);
    await collect();
    expect(await disk.objects.read(object, { start: 0, end: 0 })).toBeNull();
  });

  test('that is lost says so, and is not taken for an empty one', async () => {
    const orgId = await db.organization();
    const id = await refer(orgId, await receive(orgId, Buffer.from('to be lost')));
    await rm(join(disk.folder.path, orgId), { recursive: true });
    const found = await db.app.statements({ orgId }, (tx) => findWithContent(tx, orgId, id));
    expect(found && (await disk.contents.open(found.content))).toBeNull();
  });
});

describe('an upload', () => {
  test('whose process dies before an asset is made of it is collected, and its room given back', async () => {
    const orgId = await db.organization();
    const stored = await receive(orgId, randomBytes(1_000));
    await collect();
    expect(await filesOf(orgId)).toHaveLength(1);
    await aDayLater(orgId);
    await collect();
    expect(await filesOf(orgId)).toEqual([]);
    expect((await accounts(orgId)).said).toEqual([0, 0, 0]);
    await expect(refer(orgId, stored)).rejects.toMatchObject({ kind: 'unavailable', code: 'asset.upload_lost' });
    expect((await accounts(orgId)).said).toEqual([0, 0, 0]);
  });

  test('is known before its first byte, so that a crash while it is written leaves nothing unknown', async () => {
    const orgId = await db.organization();
    const seen: number[] = [];
    const bytes = async function* (): AsyncGenerator<Buffer> {
      const { rowCount } = await db.owner.query('select 1 from asset_uploads where org_id = $1', [orgId]);
      seen.push(rowCount ?? 0);
      yield Buffer.from('x');
    };
    await disk.contents.receive(orgId, { bytes: bytes(), sizeBytes: null, digests: [] });
    expect(seen).toEqual([1]);
  });

  test('that a collector could not remove is removed by the next', async () => {
    const orgId = await db.organization();
    await receive(orgId, randomBytes(10));
    await aDayLater(orgId);
    const down = { ...disk.objects, remove: () => Promise.reject(new Error('the store is down')) };
    await expect(collect(down as never)).rejects.toThrow('the store is down');
    expect(await filesOf(orgId)).toHaveLength(1);
    await collect();
    expect(await filesOf(orgId)).toEqual([]);
  });
});

describe('the quota', () => {
  test.each([
    ['of a size that is said', (size: number) => size],
    ['of a size that nobody knows', () => null],
  ])('lets in exactly what there is room for, of many uploads at once %s', async (_how, said) => {
    const orgId = await db.organization();
    await db.owner.query('insert into asset_usage (org_id, quota_bytes) values ($1, 10000)', [orgId]);
    const upload = async (): Promise<string> => {
      const bytes = randomBytes(1_500);
      return refer(orgId, await receive(orgId, bytes, said(bytes.length)));
    };
    let kept = 0;
    // One whose size is not known asks for more room than it needs, and gives it back at its end.
    for (let round = 0; round < 3; round++) {
      const results = await Promise.allSettled(Array.from({ length: 12 }, upload));
      kept += results.filter(({ status }) => status === 'fulfilled').length;
      for (const result of results)
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'asset.over_quota' });
      expect(kept).toBeLessThanOrEqual(6);
    }
    for (; kept < 6; kept++) await upload();
    await expect(upload()).rejects.toMatchObject({ code: 'asset.over_quota' });
    expect(await accounts(orgId)).toEqual({ said: [6, 9_000, 0], true: [6, 9_000, 0] });
    expect(await filesOf(orgId)).toHaveLength(6);
  });

  test('counts what programs leave behind, and refuses none of it', async () => {
    const orgId = await db.organization();
    await db.owner.query('insert into asset_usage (org_id, quota_bytes) values ($1, 10)', [orgId]);
    await refer(orgId, await disk.contents.put(orgId, randomBytes(20)));
    await expect(receive(orgId, Buffer.alloc(0))).rejects.toMatchObject({ kind: 'too_large' });
    expect((await accounts(orgId)).said).toEqual([1, 20, 0]);
  });
});

const ageReleased = statement(
  'test.age_released',
  `update asset_contents set released_at = released_at - interval '25 hours' where org_id = $1`,
);

/** Runs of the property below; more where somebody looks for a fault. */
const RUNS = Number(process.env['ASSETS_RUNS'] ?? 6);

test('whatever is uploaded, deleted and collected at once: no asset loses its content, and in the end nothing else is left', async () => {
  const act = fc.record({
    kind: fc.constantFrom('upload', 'upload', 'put', 'abandon', 'delete', 'collect', 'later'),
    content: fc.integer({ min: 0, max: 3 }),
  });
  const lanes = fc.array(fc.array(act, { minLength: 1, maxLength: 8 }), { minLength: 3, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(lanes, async (all) => {
      const orgId = await db.organization();
      const bytesOf = (content: number): Buffer => Buffer.from(`content ${content} of ${orgId}`);
      const alive = new Map<string, Buffer>();
      const acts: Record<string, (bytes: Buffer) => Promise<unknown>> = {
        upload: async (bytes) => alive.set(await refer(orgId, await receive(orgId, bytes)), bytes),
        put: async (bytes) => alive.set(await refer(orgId, await disk.contents.put(orgId, bytes)), bytes),
        abandon: async (bytes) => disk.contents.giveUp(orgId, (await receive(orgId, bytes)).object),
        collect: () => collect(),
        // Only what has lost its asset grows old: uploads that go on for a day are another test.
        later: () => db.app.statements({ orgId }, (tx) => tx.query(ageReleased, [orgId])),
        async delete() {
          const [id] = alive.keys();
          if (id === undefined) return;
          alive.delete(id);
          expect(await remove(orgId, id)).toBe(1);
        },
      };
      await Promise.all(
        all.map(async (lane) => {
          for (const { kind, content } of lane) await acts[kind]?.(bytesOf(content));
        }),
      );
      for (const [id, bytes] of alive) expect((await read(orgId, id)).toString()).toBe(bytes.toString());
      await aDayLater(orgId);
      await collect();
      for (const [id, bytes] of alive) expect((await read(orgId, id)).toString()).toBe(bytes.toString());
      expect(await filesOf(orgId)).toHaveLength(new Set([...alive.values()].map(String)).size);
      if (all.flat().some(({ kind }) => ['upload', 'put', 'abandon'].includes(kind))) {
        const { said, true: found } = await accounts(orgId);
        expect(said).toEqual(found);
      }
    }),
    { numRuns: RUNS },
  );
});

test('expired assets are deleted, and nothing of them is left', async () => {
  const orgId = await db.organization();
  const keep = await refer(orgId, await receive(orgId, Buffer.from('stays')));
  const file = {
    ...(await receive(orgId, Buffer.from('goes'))),
    mediaType: 'a/b',
    filename: 'a',
    expiresInSeconds: 60,
  };
  await db.app.transaction({ orgId }, (tx) => addAssets(tx, orgId, [file]));
  await db.owner.query(`update assets set expires_at = now() - interval '1 second' where expires_at is not null`);
  await collect();
  await aDayLater(orgId);
  await collect();
  expect((await read(orgId, keep)).toString()).toBe('stays');
  expect(await filesOf(orgId)).toHaveLength(1);
  expect(await accounts(orgId)).toEqual({ said: [1, 5, 0], true: [1, 5, 0] });
});

describe('sealed content', () => {
  test('lies in no store in clear, opens in any part, and after its organization has new keys', async () => {
    const orgId = await db.organization();
    await using sealed = await testContents(db, { isSealing: true, vault: disk.vault });
    const bytes = Buffer.concat([randomBytes(100_000), Buffer.from('the word')]);
    const stored = await sealed.contents.receive(orgId, { bytes: piece(bytes), sizeBytes: bytes.length, digests: [] });
    const id = await refer(orgId, stored);
    const [name = ''] = await readdir(join(sealed.folder.path, orgId), { recursive: true }).then((all) =>
      all.filter((entry) => entry.includes('/')),
    );
    const file = await readFile(join(sealed.folder.path, orgId, name));
    expect([file.includes('the word'), file.length > bytes.length]).toEqual([false, true]);
    const { dataKeys, statements, transaction } = sealed.vault;
    const found = () => db.app.statements({ orgId }, (tx) => findWithContent(tx, orgId, id));
    const part = async (): Promise<string> => {
      const content = (await found())?.content;
      const end = content && (await sealed.contents.open(content, { start: 100_000, end: 100_008 }));
      return end ? text(end) : '';
    };
    expect(await part()).toBe('the word');
    const [newest] = await dataKeys.rotate(orgId);
    expect(newest).toMatchObject({ purpose: 'assets', version: 2 });
    const reseal = () => transaction((tx) => assetResealer(dataKeys).reseal(tx, newest as never, 10));
    expect([await reseal(), await reseal()]).toEqual([1, 0]);
    await statements((tx) =>
      tx.query({ name: 'test.forget', text: 'delete from data_keys where org_id = $1 and version = 1' }, [orgId]),
    );
    dataKeys.forget(orgId);
    expect(await part()).toBe('the word');
  });
});
