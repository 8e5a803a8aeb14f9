import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { EvaluationRecord } from '@assay/sdk';
import { afterAll, describe, expect, test } from 'vitest';
import { credentialsIn, plainEnvironment, Server } from './harness/server.ts';
import { until } from './harness/until.ts';

const run = promisify(execFile);
const CLI = fileURLToPath(new URL('../packages/cli/bin/assay.mjs', import.meta.url));

type Ended = { code: number; stdout: string; stderr: string };

/** Runs the command line to its end, whatever that is. */
async function assay(
  args: readonly string[],
  env: Record<string, string> = {},
  prefix: readonly string[] = [],
): Promise<Ended> {
  const [program = '', ...rest] = [...prefix, process.execPath, CLI, ...args];
  try {
    const { stdout, stderr } = await run(program, rest, { env: { ...plainEnvironment(), ...env }, timeout: 110_000 });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as Ended;
    return { code, stdout, stderr };
  }
}

const folder = await mkdtemp(join(tmpdir(), 'assay-first-'));
afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 20 }));

/** One that serves already, while others are tried. */
const server = await Server.start();
afterAll(() => server[Symbol.asyncDispose]());

test('a newcomer starts it, pastes the line that it prints, and sees the output of a program', async () => {
  const dataDir = join(folder, 'newcomer');
  const env = { ...plainEnvironment(), ASSAY_DATA_DIR: dataDir, ASSAY_HTTP_PORT: '0' };
  const serve = async (ready: RegExp): Promise<string> => {
    const child = spawn(process.execPath, [CLI, 'serve'], { env, cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    try {
      await until('it says what to do', () => ready.test(printed), 90_000);
      const line = /^ {4}(curl .*)$/m.exec(printed)?.[1];
      return line === undefined ? printed : printed + (await run('sh', ['-c', line])).stdout;
    } finally {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    }
  };
  const first = await serve(/^ {4}curl .*\n/m);
  expect(first).toContain('"output":"5050\\n"');
  const { email, password, apiKey } = credentialsIn(first) ?? { email: '', password: '', apiKey: '' };
  expect(email).toBe('owner@localhost');
  expect(password).toMatch(/^[a-z0-9]{5}(-[a-z0-9]{5}){3}$/);

  const second = await serve(/Assay is at http/);
  for (const secret of [password, apiKey, 'sk_']) expect(second).not.toContain(secret);
});

describe('what a start refuses', () => {
  test('a flag that does not exist', async () => {
    const { code, stderr } = await assay(['serve', '--data-dri', 'x']);
    expect(code).not.toBe(0);
    expect(stderr).toContain('--data-dri');
  });

  test('a value that cannot be, by the name of its setting', async () => {
    const { code, stderr } = await assay(['config'], { ASSAY_HTTP_PORT: 'eighty' });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/ASSAY_HTTP_PORT must be a whole number/);
  });

  test('an address that is taken, before it has made any secret that is shown only once', async () => {
    const { port } = new URL(server.url);
    const dataDir = join(folder, 'taken');
    const { code, stdout, stderr } = await assay(['serve', '--data-dir', dataDir, '--http-port', port]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/EADDRINUSE.* ASSAY_HTTP_PORT/);

    // A later start makes them, others than this installation's, and nothing that could be guessed.
    await using another = await Server.start({ dataDir, awaitReady: false });
    const { email, password, apiKey } = another.credentials;
    const guesses = ['admin', 'password', 'assay', 'owner', 'changeme', email, server.credentials.password];
    for (const guess of guesses) {
      const { status } = await another.anonymous.post('/api/v1/auth/login', { email, password: guess });
      expect(`${guess} ${status}`).toBe(`${guess} 401`);
    }
    expect((await another.as(server.credentials.apiKey).get('/v1/me')).status).toBe(401);
    expect((await another.as(apiKey).get('/v1/me')).status).toBe(200);
    expect((await another.anonymous.post('/api/v1/auth/login', { email, password })).status).toBe(200);
  });

  test('a data directory that another Assay serves, naming the process', async () => {
    const { code, stderr } = await assay(['serve', '--data-dir', server.dataDir, '--http-port', '0']);
    expect(code).not.toBe(0);
    expect(stderr).toContain(String(server.pid));
  });
});

test('without an engine that can work here, readiness says which and why, and a submission is a clear 503', async () => {
  await using bare = await Server.start({ args: ['--runner-engines', 'docker'], awaitReady: false });
  const readiness = await until('the runner has presented itself', async () => {
    const answer = await bare.anonymous.get('/readyz');
    return answer.text.includes('docker') ? answer : null;
  });
  expect(readiness.status).toBe(503);
  const answer = await bare.as().post('/api/eval', { code: 'print(1)', language: 'python' });
  expect(answer.status).toBe(503);
  expect(answer.headers.get('retry-after')).not.toBeNull();
  expect(answer.body).toMatchObject({
    error: 'Service unavailable',
    detail: expect.stringContaining('assay doctor'),
    status_code: 503,
  });
});

test('a backup taken while it serves holds everything, on another machine’s data directory', async () => {
  const backup = join(folder, 'backup.tar.zst');
  const elsewhere = join(folder, 'elsewhere');
  const request = { code: 'print("kept"); open("kept.txt", "w").write("file")', outputs: ['kept.txt'] };
  const submitted = await server.as().post('/api/eval?wait=30', request);
  const { eval_id } = submitted.body as { eval_id: string };

  expect(await assay(['backup', backup, '--data-dir', server.dataDir])).toMatchObject({ code: 0 });
  expect((await stat(backup)).mode & 0o777).toBe(0o600);
  expect(await assay(['restore', backup, '--verify'])).toMatchObject({ code: 0 });
  expect(await assay(['restore', backup, '--data-dir', server.dataDir])).not.toMatchObject({ code: 0 });
  expect(await assay(['restore', backup, '--data-dir', elsewhere])).toMatchObject({ code: 0 });

  await using restored = await Server.start({ dataDir: elsewhere, awaitReady: false });
  const again = await restored.as(server.credentials.apiKey).get(`/api/eval-status/${eval_id}`);
  expect(again.body).toMatchObject({ status: 'completed', output: 'kept\n' });
  const { files } = (await restored.as(server.credentials.apiKey).get(`/api/eval/${eval_id}`)).body as EvaluationRecord;
  const file = await restored.as(server.credentials.apiKey).get(`/v1/assets/${files[0]?.asset_id}`);
  expect(file.text).toBe('file');
  const { email, password } = server.credentials;
  expect((await restored.anonymous.post('/api/v1/auth/login', { email, password })).status).toBe(200);
});

describe('the doctor', () => {
  const dataDir = (): string => join(folder, 'doctor');

  test('finds this machine well', async () => {
    const { code, stdout } = await assay(['doctor', '--data-dir', dataDir(), '--http-port', '0']);
    expect(stdout).not.toContain('FAIL');
    expect(code).toBe(0);
  });

  test('explains the fix where user namespaces are forbidden', async () => {
    const forbid = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"';
    const prefix = ['unshare', '--user', '--map-root-user', 'sh', '-c', forbid, 'sh'];
    const { code, stdout } = await assay(['doctor', '--data-dir', dataDir(), '--http-port', '0'], {}, prefix);
    expect(code).toBe(1);
    expect(stdout).toMatch(/FAIL {2}engine bubblewrap: not offered: .+\n {6}\S.+/);
  });

  test('explains the fix where bubblewrap is no program', async () => {
    const hide = 'mount --bind /dev/null /usr/bin/bwrap; exec "$@"';
    const prefix = ['unshare', '--mount', 'sh', '-c', hide, 'sh'];
    const { code, stdout } = await assay(['doctor', '--data-dir', dataDir(), '--http-port', '0'], {}, prefix);
    expect(code).toBe(1);
    expect(stdout).toMatch(/FAIL {2}engine bubblewrap: not offered: .+\n {6}\S.+/);
  });
});
