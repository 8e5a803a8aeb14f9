import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../../../test/database.ts';
import { keyShelf, openVault, type TestVault } from '../../../../test/vault.ts';
import { moveToNewestKeys, type Resealer } from './jobs.ts';
import type { Place } from './model.ts';

/*
 * One database is one installation with its keys, and they are moved by each test to others: so each test ends with
 * the shelf at the keys in use, and the next goes on from there.
 */
const db = testDatabase();
const shelf = keyShelf();
const log = pino({ level: 'silent' });

const placeIn = (orgId: string, version = 1): Place => ({ orgId, purpose: 'secrets', id: 'a-row', version });
const runChores = (vault: TestVault, resealers: readonly Resealer[] = []): Promise<void> =>
  moveToNewestKeys({ ...vault, resealers, log });
const rootVersions = async (): Promise<number[]> =>
  (await db.owner.query<{ version: number }>('select version from root_keys order by version')).rows.map(
    ({ version }) => version,
  );

describe('a sealed value', () => {
  test('opens at its place, in every process of the installation, and nowhere else', async () => {
    const [here, there] = await Promise.all([openVault(db, shelf), openVault(db, shelf)]);
    const [orgId, otherId] = [await db.organization(), await db.organization()];
    const place = placeIn(orgId);
    const sealed = await here.dataKeys.seal(place, Buffer.from('hidden'));
    expect(await there.dataKeys.open(place, sealed)).toEqual(Buffer.from('hidden'));
    await here.dataKeys.seal(placeIn(otherId), Buffer.from('another key'));
    await here.dataKeys.seal({ ...place, purpose: 'credentials' }, Buffer.from('a third'));
    const elsewhere: Place[] = [
      { ...place, orgId: otherId },
      { ...place, purpose: 'credentials' },
      { ...place, id: 'another-row' },
      { ...place, version: 2 },
    ];
    for (const moved of elsewhere) await expect(here.dataKeys.open(moved, sealed)).rejects.toThrow();
  });

  test('has one data key for its organization and purpose, however many need it first', async () => {
    const vaults = await Promise.all(Array.from({ length: 4 }, () => openVault(db, shelf)));
    const place = placeIn(await db.organization());
    const sealed = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        (vaults[index % 4] as TestVault).dataKeys.seal(place, Buffer.from('hidden')),
      ),
    );
    for (const one of sealed)
      for (const vault of vaults) expect(await vault.dataKeys.open(place, one)).toEqual(Buffer.from('hidden'));
    const { rows } = await db.owner.query('select 1 from data_keys where org_id = $1', [place.orgId]);
    expect(rows).toHaveLength(1);
  });

  test('outlives a transaction that made its key and was rolled back', async () => {
    const [here, there] = await Promise.all([openVault(db, shelf), openVault(db, shelf)]);
    const place = placeIn(await db.organization());
    const failed = db.app.transaction({ orgId: place.orgId }, async () => {
      await here.dataKeys.seal(place, Buffer.from('lost'));
      throw new Error('rolled back');
    });
    await expect(failed).rejects.toThrow('rolled back');
    const sealed = await here.dataKeys.seal(place, Buffer.from('kept'));
    expect(await there.dataKeys.open(place, sealed)).toEqual(Buffer.from('kept'));
  });

  test('cannot be opened by what the role of requests reads: it sees no key, not even a wrapped one', async () => {
    const orgId = await db.organization();
    await (await openVault(db, shelf)).dataKeys.seal(placeIn(orgId), Buffer.from('hidden'));
    for (const table of ['data_keys', 'root_keys', 'root_key_wrappings']) {
      const { rows } = await db.owner.query<{ may: boolean }>(
        `select has_table_privilege('assay_app', $1, 'select') as may`,
        [table],
      );
      expect([table, rows[0]?.may]).toEqual([table, false]);
    }
  });
});

describe('another master key', () => {
  test('takes the place of the one before it, while everything can be read all the time', async () => {
    const [here, there] = await Promise.all([openVault(db, shelf), openVault(db, shelf)]);
    const platform = (await here.dataKeys.platformKey()).reveal();
    const place = placeIn(await db.organization());
    const sealed = await here.dataKeys.seal(place, Buffer.from('hidden'));
    const readable = async (): Promise<void> => {
      // Of each running process, and of one that starts now.
      for (const { dataKeys } of [here, there, await openVault(db, shelf)]) {
        dataKeys.forget(place.orgId);
        expect(await dataKeys.open(place, sealed)).toEqual(Buffer.from('hidden'));
      }
    };
    const before = here.masterKeys.current.id;
    await here.masterKeys.generate();
    await here.roots.rotate(() => {});
    await there.roots.reload();
    expect(here.roots.masterKeyId).not.toBe(before);
    await readable();
    const between = await there.dataKeys.seal(place, Buffer.from('between'));
    await runChores(there);
    await readable();
    expect(await rootVersions()).toHaveLength(1);
    shelf.splice(1);
    const fresh = await openVault(db, shelf);
    expect(fresh.masterKeys.ids).not.toContain(before);
    expect(await fresh.dataKeys.open(place, sealed)).toEqual(Buffer.from('hidden'));
    expect(await fresh.dataKeys.open(place, between)).toEqual(Buffer.from('between'));
    // What the installation derives from its own key stays what it was.
    expect((await fresh.dataKeys.platformKey()).reveal()).toEqual(platform);
  });

  test('that a process lacks is named by it, and what it does goes on; the keys before it are refused at a start', async () => {
    const old = [...shelf];
    const [ahead, behind] = await Promise.all([openVault(db, shelf), openVault(db, old)]);
    await ahead.masterKeys.generate();
    await ahead.roots.rotate(() => {});
    await behind.roots.reload();
    expect(behind.roots.lacking).toBe(ahead.masterKeys.current.id);
    const place = placeIn(await db.organization());
    const sealed = await behind.dataKeys.seal(place, Buffer.from('goes on'));
    expect(await ahead.dataKeys.open(place, sealed)).toEqual(Buffer.from('goes on'));
    // While both are needed, one that has only the old key can start as well, and does not end the rotation.
    const late = await openVault(db, old);
    await runChores(late);
    expect(await late.dataKeys.open(place, sealed)).toEqual(Buffer.from('goes on'));
    await runChores(ahead);
    await expect(openVault(db, old)).rejects.toThrow(/sealed with another master key .*master key file/);
    old.unshift(shelf[0] as Buffer);
    await behind.roots.reload();
    expect(behind.roots.lacking).toBeNull();
    shelf.splice(1);
  });

  test('is not put in by two at the same time', async () => {
    const [one, other] = await Promise.all([openVault(db, shelf), openVault(db, shelf)]);
    await one.masterKeys.generate();
    const outcomes = await Promise.allSettled([one.roots.rotate(() => {}), other.roots.rotate(() => {})]);
    const done = outcomes.filter(({ status }) => status === 'fulfilled');
    expect(done.length).toBeGreaterThan(0);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'encryption_key.unavailable' });
    await runChores(one);
    expect(await rootVersions()).toHaveLength(1);
    shelf.splice(1);
    await openVault(db, shelf);
  });

  test('of another installation opens nothing, and the refusal says what to do', async () => {
    await expect(openVault(db, keyShelf(randomBytes(32)))).rejects.toThrow(/Give this process the master key file/);
  });
});

describe('new data keys', () => {
  test('seal what is written from then on; what was sealed before follows, and the old keys go', async () => {
    const vault = await openVault(db, shelf);
    const place = placeIn(await db.organization());
    let kept = await vault.dataKeys.seal(place, Buffer.from('hidden'));
    const [made] = await vault.dataKeys.rotate(place.orgId);
    expect(made).toEqual({ orgId: place.orgId, purpose: 'secrets', version: 2 });
    expect(await vault.dataKeys.open(place, kept)).toEqual(Buffer.from('hidden'));
    expect((await vault.dataKeys.seal(place, Buffer.from('new'))).keyVersion).toBe(2);
    const resealer: Resealer = {
      purpose: 'secrets',
      async reseal(_tx, newest) {
        if (newest.orgId !== place.orgId || kept.keyVersion >= newest.version) return 0;
        kept = await vault.dataKeys.seal(place, await vault.dataKeys.open(place, kept));
        return 1;
      },
    };
    const versions = async (): Promise<number[]> => {
      const { rows } = await db.owner.query<{ version: number }>(
        'select version from data_keys where org_id = $1 order by version',
        [place.orgId],
      );
      return rows.map(({ version }) => version);
    };
    await runChores(vault, [resealer]);
    expect(kept.keyVersion).toBe(2);
    // Another process may still seal with the key before: it stays until all have noticed.
    expect(await versions()).toEqual([1, 2]);
    await db.owner.query(`update data_keys set created_at = now() - interval '1 hour' where org_id = $1`, [
      place.orgId,
    ]);
    await runChores(vault, [resealer]);
    expect(await versions()).toEqual([2]);
    expect(await (await openVault(db, shelf)).dataKeys.open(place, kept)).toEqual(Buffer.from('hidden'));
  });

  test('do not take the old ones away while nothing seals their values anew', async () => {
    const vault = await openVault(db, shelf);
    const place: Place = { ...placeIn(await db.organization()), purpose: 'captured_content' };
    const sealed = await vault.dataKeys.seal(place, Buffer.from('hidden'));
    await vault.dataKeys.rotate(place.orgId);
    await db.owner.query(`update data_keys set created_at = now() - interval '1 hour' where org_id = $1`, [
      place.orgId,
    ]);
    await runChores(vault);
    expect(await (await openVault(db, shelf)).dataKeys.open(place, sealed)).toEqual(Buffer.from('hidden'));
  });
});
