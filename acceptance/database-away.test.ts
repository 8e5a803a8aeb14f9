import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';

/** The address of an installation's embedded PostgreSQL, from its password file (libpq's format). */
async function databaseUrl(dataDir: string): Promise<string> {
  const lines = (await readFile(join(dataDir, 'postgres.pgpass'), 'utf8')).trim().split('\n');
  const password = lines.map((line) => line.split(':')).find((fields) => fields[3] === 'assay')?.[4] ?? '';
  return `postgres://assay:${encodeURIComponent(password)}@/assay?host=${encodeURIComponent(join(dataDir, 'run'))}`;
}

test('while the database is away, callers are told to come back, and it recovers alone', async () => {
  await using home = await Server.start();
  await using other = await Server.start({
    env: {
      DATABASE_URL: await databaseUrl(home.dataDir),
      ASSAY_MASTER_KEY_FILE: join(home.dataDir, 'master.key'),
      ASSAY_ROLE: 'api',
    },
    awaitReady: false,
  });
  const caller = other.as(home.credentials.apiKey);
  expect((await caller.get('/api/queue-status')).status).toBe(200);

  await home.stop();
  const away = await caller.get('/api/queue-status');
  expect(away).toMatchObject({ status: 503, body: { error: 'Service unavailable', status_code: 503 } });
  expect(Number(away.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await other.anonymous.get('/healthz')).status).toBe(200);
  expect((await other.anonymous.get('/readyz')).status).toBe(503);

  await home.start();
  await until('the other process serves again', async () => (await caller.get('/api/queue-status')).status === 200);
});
