import { randomBytes } from 'node:crypto';
import { apiKey } from '@better-auth/api-key';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { Client, Pool } from 'pg';
import type { Report } from '../measure/report.ts';
import { ratio, verdict } from '../measure/table.ts';
import { API_KEY } from '../product/running-assay.ts';
import type { Place } from './batches.ts';
import { startInProcess } from './in-process.ts';
import { type Length, timeInTurns } from './timing.ts';

const PEER_DATABASE = 'better_auth';

/** One key, looked up again and again: warm, as a caller in steady use is; cold, as after every change of a grant. */
export async function measureLookUps(report: Report, { database, dataDir }: Place, length: Length): Promise<void> {
  await using assay = await startInProcess(database.url, dataDir);
  await using peer = await startPeer(database.url);
  const { authenticator } = assay.core;
  const credential = { kind: 'api_key', value: API_KEY } as const;
  const us = await timeInTurns(
    {
      warm: () => authenticator.authenticate(credential, null, '127.0.0.1'),
      cold() {
        authenticator.forget();
        return authenticator.authenticate(credential, null, '127.0.0.1');
      },
      peer: () => peer.verify(),
    },
    length,
  );
  report.keep('key look-up microseconds', us);
  report.table({
    title: 'Key look-up, one caller, microseconds',
    columns: ['', 'µs', 'beside better-auth'],
    rows: [
      ['Assay, known already', us.warm, ratio(us.warm, us.peer)],
      ['Assay, asking the database', us.cold, ratio(us.cold, us.peer)],
      ['better-auth, verifyApiKey()', us.peer, ''],
    ],
    note: `Both on the same PostgreSQL. better-auth writes each use of a key; we note it once a minute. ${verdict(us.cold <= us.peer)}`,
  });
}

/** better-auth with its plug-in for API keys, whose own rate limit of ten a day is out of the way. */
async function startPeer(url: string) {
  const admin = new Client({ connectionString: url });
  await admin.connect();
  await admin.query(`create database ${PEER_DATABASE}`);
  await admin.end();
  const at = new URL(url);
  at.pathname = `/${PEER_DATABASE}`;
  const pool = new Pool({ connectionString: at.href });
  const options = {
    baseURL: 'http://localhost',
    database: pool,
    secret: randomBytes(32).toString('hex'),
    emailAndPassword: { enabled: true },
    telemetry: { enabled: false },
    plugins: [apiKey({ rateLimit: { enabled: false } })],
  };
  const { runMigrations } = await getMigrations(options);
  await runMigrations();
  const auth = betterAuth(options);
  const { user } = await auth.api.signUpEmail({
    body: { email: 'bench@example.test', password: 'a long enough password', name: 'Bench' },
  });
  const { key } = await auth.api.createApiKey({ body: { userId: user.id, name: 'Bench' } });
  return {
    async verify() {
      const { valid } = await auth.api.verifyApiKey({ body: { key } });
      if (!valid) throw new Error('better-auth does not know its own key.');
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}
