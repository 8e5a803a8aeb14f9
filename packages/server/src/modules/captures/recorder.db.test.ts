import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { recordingLog } from '../../../test/recording-log.ts';
import { until } from '../../../test/until.ts';
import { keyShelf, openVault, type TestVault } from '../../../test/vault.ts';
import { newId } from '../../kernel/ids.ts';
import { moveToNewestKeys } from '../vault/index.ts';
import { openContent } from './content.ts';
import { captureResealer, deleteExpiredCaptures } from './jobs.ts';
import { NO_POLICY, type Taken } from './model.ts';
import { type Gap, Recorder, type RecorderServices } from './recorder.ts';
import { findCapture } from './store.ts';
import { putPolicy } from './store-policies.ts';

const db = testDatabase();
const shelf = keyShelf();

const policy = { ...NO_POLICY, isOn: true };
/** An organization that captures, for so many days. */
async function capturing(retentionDays = 30): Promise<string> {
  const orgId = await db.organization();
  await db.app.transaction({ orgId }, (tx) => putPolicy(tx, orgId, 'somebody', { ...policy, retentionDays }));
  return orgId;
}

const aCall = (orgId: string, of: Partial<Taken> = {}): Taken => ({
  id: newId(),
  at: new Date(),
  orgId,
  teamId: null,
  apiKeyId: null,
  principal: { kind: 'api_key', id: newId() },
  requestId: null,
  operation: 'chat',
  provider: 'echo',
  model: 'echo',
  outcome: 'completed',
  failure: null,
  responseId: null,
  inputTokens: 1,
  outputTokens: 1,
  cost: 1,
  policy,
  bytes: 100,
  content: () => ({ request: 'asked', answer: 'answered', tries: [] }),
  ...of,
});

function aRecorder(vault: TestVault, of: Partial<RecorderServices> = {}) {
  const counts = { kept: 0, dropped: 0 };
  const gaps: (Gap & { orgId: string })[] = [];
  const log = recordingLog();
  const recorder = new Recorder({
    dataKeys: vault.dataKeys,
    transaction: (orgId, work) => db.app.transaction({ orgId }, work),
    missed: (_tx, orgId, gap) => void gaps.push({ orgId, ...gap }),
    observe: (what, count) => {
      counts[what] += count;
    },
    log: log as unknown as RecorderServices['log'],
    ...of,
  });
  return { recorder, counts, gaps, log };
}

const idsOf = async (orgId: string): Promise<string[]> =>
  (await db.owner.query<{ id: string }>('select id from captures where org_id = $1', [orgId])).rows.map(({ id }) => id);

describe('the recorder', () => {
  test('keeps what it was given, each once, and is done when it is disposed', async () => {
    const orgId = await capturing();
    const vault = await openVault(db, shelf);
    const { recorder, counts } = aRecorder(vault);
    const calls = Array.from({ length: 60 }, () => aCall(orgId));
    for (const call of [...calls, ...calls.slice(0, 5)]) recorder.take(call);
    await recorder[Symbol.asyncDispose]();
    expect((await idsOf(orgId)).sort()).toEqual(calls.map(({ id }) => id).sort());
    expect(counts.dropped).toBe(0);
    const found = await db.app.statements({ orgId }, (tx) => findCapture(tx, orgId, String(calls[0]?.id)));
    expect(found && (await openContent(vault.dataKeys, found.capture, found.sealed))).toEqual({
      request: 'asked',
      answer: 'answered',
      tries: [],
    });
  });

  test('goes on where it was when the database is there again', async () => {
    const orgId = await capturing();
    let isAway = true;
    const { recorder, counts, log } = aRecorder(await openVault(db, shelf), {
      transaction: (org, work) =>
        isAway ? Promise.reject(new Error('away')) : db.app.transaction({ orgId: org }, work),
    });
    const call = aCall(orgId);
    recorder.take(call);
    await until('the failure is logged', () => log.records.length > 0);
    expect([await idsOf(orgId), recorder.waiting]).toEqual([[], 1]);
    isAway = false;
    await until('it is written', async () => (await idsOf(orgId)).length === 1);
    await recorder[Symbol.asyncDispose]();
    expect(counts).toEqual({ kept: 1, dropped: 0 });
  });

  test('counts what it has no room for, and says in the end how many are missing from when to when', async () => {
    const orgId = await capturing();
    const held = Promise.withResolvers<void>();
    const { recorder, counts, gaps } = aRecorder(await openVault(db, shelf), {
      transaction: async (org, work) => {
        await held.promise;
        return db.app.transaction({ orgId: org }, work);
      },
    });
    const [from, to] = [new Date('2026-01-01T00:00:00Z'), new Date('2026-01-02T00:00:00Z')];
    recorder.take(aCall(orgId, { bytes: 60 << 20 }));
    for (const at of [to, from]) recorder.take(aCall(orgId, { bytes: 5 << 20, at }));
    expect(counts.dropped).toBe(2);
    held.resolve();
    await recorder[Symbol.asyncDispose]();
    expect(gaps).toEqual([{ orgId, captures: 2, from, to }]);
    expect(await idsOf(orgId)).toHaveLength(1);
    const many = aRecorder(await openVault(db, shelf), { transaction: () => new Promise(() => {}) });
    for (let n = 0; n < 2_010; n++) many.recorder.take(aCall(orgId));
    expect(many.counts.dropped).toBe(10);
  });

  test('leaves one out that cannot be made, and tells the log nothing of what was said', async () => {
    const orgId = await capturing();
    const { recorder, counts, gaps, log } = aRecorder(await openVault(db, shelf));
    const content = (): never => {
      throw new Error('a secret that was said');
    };
    recorder.take(aCall(orgId, { content }));
    recorder.take(aCall(orgId));
    await recorder[Symbol.asyncDispose]();
    expect([counts, gaps.map(({ captures }) => captures)]).toEqual([{ kept: 1, dropped: 1 }, [1]]);
    expect(JSON.stringify(log.records)).not.toContain('secret');
  });

  test('keeps nothing for an organization that has switched capture off meanwhile', async () => {
    const orgId = await capturing();
    await db.app.transaction({ orgId }, (tx) => putPolicy(tx, orgId, 'somebody', NO_POLICY));
    const { recorder } = aRecorder(await openVault(db, shelf));
    recorder.take(aCall(orgId));
    recorder.take(aCall(await db.organization()));
    await recorder[Symbol.asyncDispose]();
    expect(await idsOf(orgId)).toEqual([]);
  });
});

describe('captures', () => {
  test('are deleted when the time that their organization keeps them is over, as the policy is now', async () => {
    const [short, long] = [await capturing(2), await capturing(90)];
    const { recorder } = aRecorder(await openVault(db, shelf));
    const threeDaysAgo = new Date(Date.now() - 3 * 24 * 3_600_000);
    const young = aCall(short);
    for (const call of [young, aCall(short, { at: threeDaysAgo }), aCall(long, { at: threeDaysAgo })])
      recorder.take(call);
    await recorder[Symbol.asyncDispose]();
    const expire = (): Promise<number> => db.system.statements({ orgId: null }, deleteExpiredCaptures);
    expect([await expire(), await expire()]).toEqual([1, 0]);
    expect(await idsOf(short)).toEqual([young.id]);
    await db.app.transaction({ orgId: long }, (tx) => putPolicy(tx, long, 'somebody', { ...policy, retentionDays: 1 }));
    expect(await expire()).toBe(1);
  });

  test('are sealed anew under a data key that takes the place of theirs, and the old one goes', async () => {
    const orgId = await capturing();
    const vault = await openVault(db, shelf);
    const word = randomBytes(12).toString('hex');
    const call = aCall(orgId, { content: () => ({ request: word, answer: null, tries: [] }) });
    const { recorder } = aRecorder(vault);
    recorder.take(call);
    await recorder[Symbol.asyncDispose]();
    await vault.dataKeys.rotate(orgId);
    await db.owner.query(`update data_keys set created_at = now() - interval '1 hour' where org_id = $1`, [orgId]);
    const { log } = aRecorder(vault);
    await moveToNewestKeys({ ...vault, resealers: [captureResealer(vault.dataKeys)], log: log as never });
    const { rows } = await db.owner.query('select version from data_keys where org_id = $1', [orgId]);
    expect(rows).toEqual([{ version: 2 }]);
    const found = await db.app.statements({ orgId }, (tx) => findCapture(tx, orgId, call.id));
    expect(found?.sealed.keyVersion).toBe(2);
    expect(found && (await openContent(vault.dataKeys, found.capture, found.sealed))).toMatchObject({ request: word });
  });
});
