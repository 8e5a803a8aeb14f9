import { createPublicKey, verify } from 'node:crypto';
import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { aLeaf, aSequencer, commitLeaves, sequenceAll, testMasterKey } from '../../../test/audit-log.ts';
import { testDatabase } from '../../../test/database.ts';
import { until } from '../../../test/until.ts';
import { newClient } from '../../platform/db/index.ts';
import { leafBytes, leafDocument, personalDigestOf } from './canonical.ts';
import { CheckpointKeys } from './checkpoints/keys.ts';
import { eraseOrganizationFromAudit, erasePersonFromAudit } from './erasure.ts';
import type { Entry } from './model.ts';
import { entriesFrom } from './reads.ts';
import { Sequencer } from './sequencer.ts';
import { Frontier, hashLeaf } from './tree/model.ts';
import { inclusionProof } from './tree/proofs.ts';
import { findTree, readNodes } from './tree/store.ts';

const db = testDatabase();
const keys = new CheckpointKeys(testMasterKey());
const sequencer = aSequencer(db.system, keys);

const entriesOf = (orgId: string, limit = 5_000): Promise<Entry[]> =>
  db.app.statements({ orgId }, (tx) => entriesFrom(tx, orgId, { first: 0, past: limit }));
const treeOf = (orgId: string) => db.app.statements({ orgId }, (tx) => findTree(tx, orgId));

/** The root over what is in the table, hashed anew from its fields. */
function rootOf(entries: readonly Entry[]): string {
  const tree = new Frontier();
  for (const entry of entries) tree.append(hashLeaf(leafBytes(leafDocument(entry, entry.personalDigest))));
  return tree.root.toString('hex');
}

describe('the sequencer', () => {
  test('gives leaves dense places in the order of their commits, and signs the tree', async () => {
    const orgId = await db.organization();
    const leaves = Array.from({ length: 7 }, (_, at) => aLeaf(orgId, { action: `thing.made_${at}` }));
    await commitLeaves(db, leaves);
    await sequenceAll(sequencer);
    const entries = await entriesOf(orgId);
    expect(entries.map(({ index, action }) => [index, action])).toEqual(
      leaves.map(({ action }, index) => [index, action]),
    );
    const tree = await treeOf(orgId);
    expect(tree?.size).toBe(7);
    expect(tree?.root.toString('hex')).toBe(rootOf(entries));
    const { rows } = await db.owner.query(`select public_jwk from signing_keys where purpose = 'audit_checkpoint'`);
    const [text, signature] = (tree?.checkpoint ?? '').split('\n\n');
    expect(text).toBe(`assay/audit/${orgId}\n7\n${tree?.root.toString('base64')}`);
    const bytes = Buffer.from(signature?.trim().split(' ')[2] ?? '', 'base64').subarray(4);
    const publicKey = createPublicKey({ key: rows[0].public_jwk, format: 'jwk' });
    expect(verify(null, Buffer.from(`${text}\n`), publicKey, bytes)).toBe(true);
  });

  test('leaves no leaf behind, takes none twice, and mixes no organizations, batch by batch', async () => {
    const orgIds = [await db.organization(), await db.organization()];
    for (let round = 0; round < 4; round++) {
      await commitLeaves(
        db,
        orgIds.flatMap((orgId) => [aLeaf(orgId), aLeaf(orgId)]),
      );
      await sequenceAll(sequencer);
    }
    for (const orgId of orgIds) {
      const entries = await entriesOf(orgId);
      expect(entries.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      expect(entries.every((entry) => entry.orgId === orgId)).toBe(true);
      expect((await treeOf(orgId))?.root.toString('hex')).toBe(rootOf(entries));
    }
    expect((await db.owner.query('select * from audit_leaves')).rows).toEqual([]);
  });

  test('does not skip an act that began first and commits last', async () => {
    const orgId = await db.organization();
    const slow = newClient(db.address, 'slow');
    await slow.connect();
    await slow.query('set role assay_system');
    await slow.query('begin');
    await slow.query(
      `insert into audit_leaves (org_id, action, outcome, actor_kind, actor_id, credential, via, request_id, detail)
       values ($1, 'thing.slow', 'allowed', 'user', 'u', 'session', 'http', 'r', '{}')`,
      [orgId],
    );
    await commitLeaves(db, [aLeaf(orgId, { action: 'thing.fast' })]);
    await sequenceAll(sequencer);
    expect((await entriesOf(orgId)).map(({ action }) => action)).toEqual(['thing.fast']);
    await slow.query('commit');
    await slow.end();
    await sequenceAll(sequencer);
    expect((await entriesOf(orgId)).map(({ action }) => action)).toEqual(['thing.fast', 'thing.slow']);
  });

  test('is one at a time over all processes: the others do nothing', async () => {
    const orgId = await db.organization();
    await commitLeaves(db, [aLeaf(orgId)]);
    const other = newClient(db.address, 'other-sequencer');
    await other.connect();
    await other.query('begin');
    await other.query('select pg_advisory_xact_lock(7201936412)');
    expect(await sequencer.sequence()).toBe(0);
    expect(await entriesOf(orgId)).toEqual([]);
    await other.query('commit');
    await other.end();
    expect(await sequencer.sequence()).toBe(1);
  });

  test('many at once on many leaves make no gap and no double', async () => {
    const orgId = await db.organization();
    const others = Array.from({ length: 4 }, () => aSequencer(db.system, keys));
    const writing = Promise.all(
      Array.from({ length: 4 }, () =>
        commitLeaves(
          db,
          Array.from({ length: 100 }, () => aLeaf(orgId)),
        ),
      ),
    );
    await until('all are placed', async () => {
      await Promise.all(others.map((one) => one.sequence()));
      return (await treeOf(orgId))?.size === 400;
    });
    await writing;
    const entries = await entriesOf(orgId);
    expect(entries.map(({ index }) => index)).toEqual(Array.from({ length: 400 }, (_, index) => index));
    expect((await treeOf(orgId))?.root.toString('hex')).toBe(rootOf(entries));
    expect(new Set(entries.map(({ requestId }) => requestId)).size).toBe(400);
    // Through a tile, through what is behind the last one, and by the right edge alone; of this tree and of smaller ones.
    const tree = { orgId, size: 400, frontier: (await treeOf(orgId))?.frontier ?? Buffer.alloc(0) };
    for (const [index, size] of [
      [0, 400],
      [200, 400],
      [300, 400],
      [399, 400],
      [10, 256],
      [100, 399],
      [310, 330],
      [5, 6],
    ] as const) {
      const proof = await db.app.statements({ orgId }, (tx) =>
        inclusionProof(index, size, (wanted) => readNodes(tx, tree, wanted)),
      );
      expect(proof.root.toString('hex'), `${index} in ${size}`).toBe(rootOf(entries.slice(0, size)));
      expect(proof.leafHash).toEqual(entries[index]?.leafHash);
    }
  });

  test('that hangs in the middle of a batch is ended, and the next one goes on within 5 s', async () => {
    const orgId = await db.organization();
    await commitLeaves(db, [aLeaf(orgId)]);
    let hang = (): void => {};
    const hanging = new Sequencer({
      transaction: (work) => db.system.transaction({ orgId: null }, work),
      keys: {
        active: () => new Promise<never>((_resolve, reject) => (hang = () => reject(new Error('It hung.')))),
      } as unknown as CheckpointKeys,
      emit: () => {},
      told: () => {},
      onWake: () => () => {},
      log: pino({ level: 'silent' }),
    });
    const stuck = hanging.sequence();
    await until('it holds the lock', async () => {
      const { rows } = await db.owner.query(
        `select 1 from pg_locks l join pg_database d on d.oid = l.database
         where l.locktype = 'advisory' and l.granted and d.datname = current_database()`,
      );
      return rows.length > 0;
    });
    expect(await sequencer.sequence()).toBe(0);
    const since = performance.now();
    await until('another goes on', async () => (await sequencer.sequence()) === 1, 5_000);
    expect(performance.now() - since).toBeLessThan(5_000);
    hang();
    expect(await stuck).toBe(0);
    expect((await entriesOf(orgId)).map(({ index }) => index)).toEqual([0]);
  });

  test('goes on with the other logs where somebody changed one so that it takes no more', async () => {
    const [changed, other] = [await db.organization(), await db.organization()];
    await commitLeaves(db, [aLeaf(changed)]);
    await sequenceAll(sequencer);
    await db.owner.query(
      `insert into audit_entries (org_id, leaf_index, id, at, action, category, actor, outcome, principal_kind,
         principal_id, credential, via, request_id, detail, leaf_hash)
       select org_id, 1, gen_random_uuid(), at, action, category, actor, outcome, principal_kind, principal_id, credential,
         via, request_id, detail, leaf_hash from audit_entries where org_id = $1`,
      [changed],
    );
    await commitLeaves(db, [aLeaf(changed), aLeaf(other), aLeaf(changed), aLeaf(other)]);
    await sequenceAll(sequencer);
    expect((await entriesOf(other)).map(({ index }) => index)).toEqual([0, 1]);
    expect((await treeOf(changed))?.size).toBe(1);
    await db.owner.query('delete from audit_leaves where org_id = $1', [changed]);
  });

  test('tells the event stream of the newest checkpoint', async () => {
    const orgId = await db.organization();
    await commitLeaves(db, [aLeaf(orgId), aLeaf(orgId)]);
    await sequenceAll(sequencer);
    const { rows } = await db.owner.query('select type, subject, data from events where org_id = $1', [orgId]);
    const { root, checkpoint } = (await treeOf(orgId)) ?? {};
    expect(rows).toEqual([
      { type: 'audit.checkpoint', subject: orgId, data: { size: 2, root: root?.toString('base64'), checkpoint } },
    ]);
  });
});

describe('what is personal', () => {
  test('is in the leaf as a salted digest only', async () => {
    const orgId = await db.organization();
    await commitLeaves(db, [
      aLeaf(orgId, { personal: { address: '198.51.100.9' } }),
      aLeaf(orgId, { personal: { address: '198.51.100.9' } }),
      aLeaf(orgId, { personal: {} }),
    ]);
    await sequenceAll(sequencer);
    const [one, same, none] = await entriesOf(orgId);
    expect(JSON.stringify(leafDocument(one as Entry, one?.personalDigest ?? null))).not.toContain('198.51.100.9');
    expect(one?.personalDigest).toEqual(personalDigestOf(one?.salt as Buffer, { address: '198.51.100.9' }));
    expect(one?.personalDigest).not.toEqual(same?.personalDigest);
    expect(none).toMatchObject({ personalDigest: null, personal: null, salt: null });
  });

  test('is erased for an organization, and the tree stays valid', async () => {
    const [orgId, other] = [await db.organization(), await db.organization()];
    await commitLeaves(db, [aLeaf(orgId), aLeaf(orgId), aLeaf(other)]);
    await sequenceAll(sequencer);
    await commitLeaves(db, [aLeaf(orgId)]);
    expect(await db.system.transaction({ orgId: null }, (tx) => eraseOrganizationFromAudit(tx, orgId))).toBe(2);
    await sequenceAll(sequencer);
    const entries = await entriesOf(orgId);
    expect(entries.map(({ personal, salt }) => [personal, salt])).toEqual(entries.map(() => [null, null]));
    expect(entries.map(({ personalDigest }) => personalDigest === null)).toEqual([false, false, true]);
    expect((await treeOf(orgId))?.root.toString('hex')).toBe(rootOf(entries));
    expect((await entriesOf(other))[0]?.personal).not.toBeNull();
  });

  test('is erased for a person, wherever they acted, were acted on or are mentioned', async () => {
    const orgId = await db.organization();
    const userId = '6f1f3f64-95dd-4be3-8a85-5a0f5f3a2f10';
    const acts = [
      aLeaf(orgId, { actor: { kind: 'user', id: userId } }),
      aLeaf(orgId, { target: { type: 'user', id: userId } }),
      aLeaf(orgId, { personal: { email: 'ada@x.example' } }),
      aLeaf(orgId, { personal: { email: 'lada@x.example' } }),
    ];
    await commitLeaves(db, acts);
    await sequenceAll(sequencer);
    const person = { userId, email: 'Ada@x.example' };
    expect(await db.system.transaction({ orgId: null }, (tx) => erasePersonFromAudit(tx, person))).toBe(3);
    const entries = await entriesOf(orgId);
    expect(entries.map(({ personal }) => personal)).toEqual([null, null, null, { email: 'lada@x.example' }]);
    expect((await treeOf(orgId))?.root.toString('hex')).toBe(rootOf(entries));
  });
});

test('a retired key signs nothing more, and stays listed', async () => {
  const orgId = await db.organization();
  await commitLeaves(db, [aLeaf(orgId)]);
  await sequenceAll(sequencer);
  const before = (await treeOf(orgId))?.checkpoint.split(' ')[2];
  await db.system.transaction({ orgId: null }, (tx) => keys.rotate(tx));
  await commitLeaves(db, [aLeaf(orgId)]);
  await sequenceAll(sequencer);
  const after = (await treeOf(orgId))?.checkpoint.split(' ')[2];
  expect(after?.slice(0, 5)).not.toBe(before?.slice(0, 5));
  const { rows } = await db.owner.query(`select retired_at from signing_keys where purpose = 'audit_checkpoint'`);
  expect(rows.filter(({ retired_at }) => retired_at === null)).toHaveLength(1);
  expect(rows).toHaveLength(2);
});
