import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditCheckpoint, AuditKey } from '@assay/contract';
import { afterAll, expect, test } from 'vitest';
import { assay } from './harness/command-line.ts';
import { databaseUrlOf } from './harness/database.ts';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';

/*
 * Two workers on one database, either of which may sequence the log; the database belongs to a third process, which only
 * serves requests.
 */
const folder = await mkdtemp(join(tmpdir(), 'assay-anchors-'));
afterAll(() => rm(folder, { recursive: true, force: true }));
const front = await Server.start({
  args: ['--role', 'api'],
  env: { ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
afterAll(() => front[Symbol.asyncDispose]());
const databaseUrl = await databaseUrlOf(front);

async function aWorker(name: string): Promise<Server> {
  return Server.start({
    args: ['--role', 'api,worker'],
    awaitReady: false,
    env: {
      ASSAY_RATE_LIMITS: 'off',
      ASSAY_MASTER_KEY_FILE: join(front.dataDir, 'master.key'),
      ASSAY_AUDIT_ANCHOR_FILE: join(folder, `${name}.jsonl`),
      ASSAY_AUDIT_ANCHOR_SECONDS: '1',
      DATABASE_URL: databaseUrl,
    },
  });
}
const workers = [await aWorker('one'), await aWorker('other')];
afterAll(async () => {
  for (const worker of workers) await worker[Symbol.asyncDispose]();
});
const { apiKey } = front.credentials;

async function sizeOf(): Promise<number> {
  const { body } = await front.as().get('/v1/audit-logs/checkpoint');
  return (body as { data: { checkpoint: AuditCheckpoint } }).data.checkpoint.size;
}

/** Acts until it is stopped; gives how many acts were answered. */
function keepActing(): { done: number; stop(): Promise<number> } {
  const acting = { done: 0, stopped: false };
  const one = async (): Promise<void> => {
    while (!acting.stopped) {
      const { status } = await front.as().post('/v1/api-keys', { name: `Key ${acting.done}`, scopes: [] });
      expect(status).toBe(201);
      acting.done += 1;
    }
  };
  const all = Promise.all([one(), one(), one()]);
  return {
    get done() {
      return acting.done;
    },
    async stop() {
      acting.stopped = true;
      await all;
      return acting.done;
    },
  };
}

/** How long the log stands still at most until it goes on, milliseconds. */
async function standstill(): Promise<number> {
  const [from, since] = [await sizeOf(), performance.now()];
  await until('the log goes on', async () => (await sizeOf()) > from, 5_000);
  return performance.now() - since;
}

test('kill -9 of either worker, or a stop of it, moves the sequencing within 5 s, without a gap or a double', async () => {
  const before = await sizeOf();
  const acting = keepActing();
  await until('the log grows', async () => (await sizeOf()) > before);
  for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
    for (const worker of workers) {
      // At a moment of its own choosing: in the middle of a batch as well as between two.
      for (let look = 0; look < 5; look++) await sizeOf();
      worker.signal(signal);
      expect(await standstill()).toBeLessThan(5_000);
      if (signal === 'SIGSTOP') worker.signal('SIGCONT');
      else {
        await worker.exited;
        await worker.start();
      }
      await standstill();
    }
  }
  const acts = await acting.stop();
  await until('every act is in the log', async () => (await sizeOf()) >= before + acts, 5_000);
  expect(await sizeOf()).toBe(before + acts);

  const { body } = await front.as().get('/v1/audit-logs/keys');
  const keys = (body as { data: { keys: AuditKey[] } }).data.keys;
  expect(keys).toHaveLength(1);
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, `${keys[0]?.verifier}\n`);
  const file = join(folder, 'log.ndjson');
  expect((await assay(['audit', 'export', '-o', file], { server: front, apiKey })).exit).toBe(0);
  const verified = await assay(['audit', 'verify', file, '--key', keyFile, '--json']);
  expect(JSON.parse(verified.stdout)).toMatchObject({
    entries: before + acts,
    integrity: { verdict: 'holds' },
    completeness: { verdict: 'holds' },
  });
  const targets = (await readFile(file, 'utf8')).match(/"target":\{"type":"api_key","id":"[^"]+"/g);
  expect(targets).toHaveLength(acts);
  expect(new Set(targets).size).toBe(acts);
});

test('what the workers anchored is what the log is, and shows what is cut from it', async () => {
  const size = await sizeOf();
  const { body } = await front.as().get('/v1/me');
  const organization = (body as { data: { principal: { organization_id: string } } }).data.principal.organization_id;
  const anchored = async (): Promise<string> => {
    const files = await Promise.all(
      ['one', 'other'].map((name) => readFile(join(folder, `${name}.jsonl`), 'utf8').catch(() => '')),
    );
    return files.join('');
  };
  await until('the newest checkpoint is anchored', async () =>
    (await anchored()).includes(`${organization}","size":${size},`),
  );
  const anchors = join(folder, 'anchors.jsonl');
  await writeFile(anchors, await anchored());
  const file = join(folder, 'log.ndjson');
  const whole = await assay(['audit', 'verify', file, '--anchor', anchors]);
  expect([whole.exit, whole.stderr]).toEqual([0, '']);
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  const cut = join(folder, 'cut.ndjson');
  await writeFile(cut, [...lines.slice(0, -3), lines.at(-1)].join('\n'));
  const found = await assay(['audit', 'verify', cut, '--anchor', anchors, '--json']);
  expect(found.exit).toBe(11);
  expect(JSON.parse(found.stdout).completeness.faults[0].index).toBe(size - 2);
});
