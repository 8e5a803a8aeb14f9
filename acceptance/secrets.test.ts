import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { Client } from './harness/client.ts';
import { inDatabase } from './harness/database.ts';
import { readHistory } from './harness/history.ts';
import { processTree } from './harness/processes.ts';
import { signIn } from './harness/route-call.ts';
import { plainEnvironment, Server } from './harness/server.ts';

/*
 * Secrets are used in every way that there is, wrong ways among them, at the most talkative log level; then everything
 * that the server has said, shown, stored or handed on is searched for them.
 */
const random = (): string => randomBytes(15).toString('hex');
const ENVIRONMENT = `environment-canary-${random()}`;
const PASSWORD = `password-canary-${random()}`;
const BOOTSTRAP_KEY = `sk_bootstrap_canary_${random()}`;
const PROGRAM_SECRET = `program-canary-${random()}`;

const settings = {
  ASSAY_BOOTSTRAP_API_KEY: BOOTSTRAP_KEY,
  ASSAY_BOOTSTRAP_OWNER_EMAIL: 'owner@secrets.example',
  ASSAY_BOOTSTRAP_OWNER_PASSWORD: PASSWORD,
  ASSAY_LOG_LEVEL: 'debug',
  ASSAY_RATE_LIMITS: 'off',
  SOME_CLOUD_SECRET: ENVIRONMENT,
};
const server = await Server.start({ env: settings });
afterAll(() => server[Symbol.asyncDispose]());

const client = server.as(BOOTSTRAP_KEY);
const assay = server.sdk(BOOTSTRAP_KEY);
const fileOf = (name: string): string => join(server.dataDir, name);
const passwordsOf = async (): Promise<string[]> =>
  (await readFile(fileOf('postgres.pgpass'), 'utf8')).split('\n').flatMap((line) => line.split(':')[4] ?? []);

const login = await signIn(server.anonymous, { email: settings.ASSAY_BOOTSTRAP_OWNER_EMAIL, password: PASSWORD });
const created = await assay.apiKeys.create(
  { name: 'A key', permission_set: 'full_access' },
  { idempotencyKey: random() },
);

const secrets: Record<string, string> = {
  'a variable of the environment of the server': ENVIRONMENT,
  "the owner's password": PASSWORD,
  'the first API key': BOOTSTRAP_KEY,
  'an API key that was made': created.raw_key,
  'an access token': login.accessToken,
  'a refresh token': login.refreshToken,
  'the master key': (await readFile(fileOf('master.key'), 'utf8')).trim(),
  "the runners' token": (await readFile(fileOf('runner-token'), 'utf8')).trim(),
  'a password of the database': (await passwordsOf())[0] ?? 'missing',
};

/** Fails with the name of the secret, and where; the message must not show more of it than that. */
function expectNone(where: string, text: string, among: Record<string, string> = secrets): void {
  for (const [name, secret] of Object.entries(among)) {
    expect(secret.length, `${name} is there to be looked for`).toBeGreaterThan(15);
    const at = text.indexOf(secret);
    expect(`${where}: ${at === -1 ? 'clean' : `${name} after "${text.slice(Math.max(0, at - 60), at)}"`}`).toBe(
      `${where}: clean`,
    );
  }
}

describe('a secret', () => {
  test('is in no answer, whatever is wrong with the request that carries it', async () => {
    const bearer = (value: string): Client => new Client(() => server.url, { authorization: `Bearer ${value}` });
    const { anonymous } = server;
    const mistyped = `${created.raw_key.slice(0, -1)}_`;
    const answers = await Promise.all([
      anonymous.post('/api/v1/auth/login', { email: 'nobody@secrets.example', password: PASSWORD }),
      anonymous.post('/api/v1/auth/login', `{"email":"x","password":"${PASSWORD}"`),
      anonymous.post('/api/v1/auth/login', { email: 'a@b.c', password: PASSWORD, pasword: PASSWORD }),
      anonymous.post('/api/v1/auth/login', { email: 'a@b.c', [PASSWORD]: 1 }, { 'content-type': 'text/plain' }),
      anonymous.post('/api/v1/auth/refresh', { refresh_token: `${login.refreshToken}x` }),
      anonymous.get(`/api/evaluations?api_key=${created.raw_key}`),
      anonymous.get(`/v1/events/stream?api_key=${login.accessToken}`, { accept: 'text/event-stream' }),
      anonymous.get(`/api/nowhere?key=${created.raw_key}`),
      anonymous.get('/api/evaluations', { authorization: `Basic ${created.raw_key}` }),
      anonymous.get('/api/evaluations', { authorization: `Bearer ${created.raw_key} ${login.accessToken}` }),
      bearer(mistyped).get('/api/evaluations'),
      bearer(`${login.accessToken}x`).get('/v1/me'),
      bearer(login.accessToken).get('/api/evaluations', { 'x-api-key': created.raw_key }),
      client.get('/v1/me'),
      client.get('/v1/api-keys'),
      client.get(`/v1/api-keys/${created.api_key.id}`),
      anonymous.get('/readyz'),
      anonymous.get('/openapi.json'),
    ]);
    for (const { status, text, headers } of answers) {
      expectNone(`an answer of ${status}`, text + JSON.stringify([...headers]), {
        ...secrets,
        'a mistyped key': mistyped,
      });
    }
  });

  test('is in no answer and no log when the fault is ours', async () => {
    await inDatabase(server, (sql) => sql.query('revoke insert on evaluations from assay_app'));
    try {
      const request = { code: `print("${PROGRAM_SECRET}")`, env: { TOKEN: PROGRAM_SECRET }, stdin: PROGRAM_SECRET };
      const answer = await client.post('/api/eval', request);
      expect(answer.status).toBe(500);
      expectNone('the answer', answer.text, { ...secrets, 'the secret of a program': PROGRAM_SECRET });
    } finally {
      await inDatabase(server, (sql) => sql.query('grant insert on evaluations to assay_app'));
    }
    expectNone('the log', server.stderr, { ...secrets, 'the secret of a program': PROGRAM_SECRET });
  });

  test('is not within reach of a program, which sees its own environment and nothing else', async () => {
    const code = `import os, subprocess
print(sorted(os.environ.items()))
for path in ['/proc/self/environ', '/proc/1/environ', '/proc/1/cmdline', '${fileOf('master.key')}',
             '${fileOf('postgres.pgpass')}', '${fileOf('runner-token')}']:
  try: print(path, open(path, 'rb').read())
  except OSError as error: print(path, type(error).__name__)
for pid in filter(str.isdigit, os.listdir('/proc')):
  for name in ['environ', 'cmdline']:
    try: print(open(f'/proc/{pid}/{name}', 'rb').read())
    except OSError: pass
print(subprocess.run('env; cat /proc/mounts; ls -la / /tmp /work /var /etc 2>/dev/null', shell=True, capture_output=True).stdout)`;
    const ended = await assay.evaluations.run({ code, env: { TOKEN: PROGRAM_SECRET } }, { within: 60_000 });
    expect(ended).toMatchObject({
      status: 'completed',
      output: expect.stringContaining(`'TOKEN', '${PROGRAM_SECRET}'`),
    });
    expectNone('what the program saw', ended.output + ended.error);
    for (const name of ['master.key', 'postgres.pgpass', 'runner-token']) {
      expect(ended.output).toMatch(new RegExp(`${name} [A-Za-z]+Error`));
    }
  });

  test('is not on a command line, and not in the environment of any process but the one that it was given to', async () => {
    const [self, ...descendants] = processTree(server.pid);
    expect(descendants.length).toBeGreaterThan(3);
    for (const { command } of [self, ...descendants].filter((one) => one !== undefined))
      expectNone('a command line', command);
    for (const { pid, command } of descendants) {
      try {
        expectNone(`the environment of ${command}`, readFileSync(`/proc/${pid}/environ`, 'utf8'));
      } catch (error) {
        // It ended meanwhile: sandboxes that are held ready come and go.
        if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      }
    }
  });

  test('is not in the database, where keys, tokens and passwords are hashes', async () => {
    const rows = await inDatabase(server, async (sql) => {
      await sql.query('set role assay_system');
      const { rows: tables } = await sql.query<{ name: string }>(
        `select c.relname as name from pg_class c
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and has_table_privilege(c.oid, 'select')`,
      );
      const texts: string[] = [];
      for (const { name } of tables) {
        const { rows: all } = await sql.query<{ row: string }>(`select t::text as row from ${name} t`);
        texts.push(`${name}: ${all.map(({ row }) => row).join('\n')}`);
      }
      return texts;
    });
    expect(rows.length).toBeGreaterThan(8);
    for (const row of rows) expectNone(row.split(':')[0] ?? '', row);
  });

  test('is not in events, metrics, lists or records', async () => {
    const { eval_id } = await assay.evaluations.run(
      { code: 'print(1)', env: { TOKEN: PROGRAM_SECRET } },
      { within: 30_000 },
    );
    const all = { ...secrets, 'the secret of a program': PROGRAM_SECRET };
    expectNone(
      'the events',
      JSON.stringify((await readHistory(server, BOOTSTRAP_KEY)).filter(({ subject }) => subject === eval_id)),
      all,
    );
    for (const path of [
      '/metrics',
      '/api/status',
      '/api/statistics',
      `/api/eval/${eval_id}`,
      `/api/eval/${eval_id}/logs`,
    ]) {
      expectNone(path, (await client.get(path)).text, all);
    }
    expectNone('the list', (await client.get('/api/evaluations?limit=5')).text);
  });

  test('is not printed by a start that was given it, and not by the listing of the settings', async () => {
    expect(server.stdout).toContain('(as configured)');
    expectNone('what the start printed', server.stdout);
    const cli = fileURLToPath(new URL('../packages/cli/bin/assay.mjs', import.meta.url));
    const env = { ...plainEnvironment(), ...settings, DATABASE_URL: `postgresql://user:${ENVIRONMENT}@localhost/x` };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [cli, 'config'], {
      env,
      cwd: server.dataDir,
    });
    expect(stdout).toContain('[secret]');
    expectNone('the settings', stdout + stderr);
  });

  test('is in files that only their owner reads', () => {
    for (const name of ['master.key', 'postgres.pgpass', 'runner-token']) {
      expect(`${name} ${(statSync(fileOf(name)).mode & 0o777).toString(8)}`).toBe(`${name} 600`);
    }
    expect(statSync(server.dataDir).mode & 0o077).toBe(0);
  });

  test('is not in the log, after all of this and a stop', async () => {
    await server.stop();
    expect(server.stderr).toContain('"level":"debug"');
    expectNone('the log', server.stderr, { ...secrets, 'the secret of a program': PROGRAM_SECRET });
  });
});
