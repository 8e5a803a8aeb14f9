import { execFile } from 'node:child_process';
import { chmod, chown, lchown, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordingLog } from '../../../test/recording-log.ts';
import { type ScratchDirectory, scratchDirectory } from '../../../test/scratch-directory.ts';
import { servePostgres } from '../../../test/served-postgres.ts';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import { findPrograms } from './programs.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
const log = recordingLog();

let template: ScratchDirectory;

beforeAll(async () => {
  template = await scratchDirectory();
  await (await startEmbeddedPostgres({ dataDir: template.path, log }))[Symbol.asyncDispose]();
});

afterAll(() => template[Symbol.asyncDispose]());

/** The refusal of a start, which must be one. */
async function refusal(dataDir: string): Promise<{ code: string; message: string }> {
  const outcome = await startEmbeddedPostgres({ dataDir, log }).then(
    (postgres) => postgres[Symbol.asyncDispose](),
    (error: { code: string; message: string }) => error,
  );
  if (!outcome) throw new Error(`A start on ${dataDir} was not refused.`);
  return outcome;
}

test('a directory in use by another process is refused, naming the process', async () => {
  await using scratch = await scratchDirectory(template.path);
  await using first = await servePostgres(scratch.path);
  const { code, message } = await refusal(scratch.path);
  expect(code).toBe('postgres.data_dir_in_use');
  expect(message).toContain(`the Assay process ${first.process.pid}`);
});

test('a directory in use by this process is refused, and stays in use', async () => {
  await using scratch = await scratchDirectory(template.path);
  await using _first = await startEmbeddedPostgres({ dataDir: scratch.path, log });
  expect((await refusal(scratch.path)).message).toContain(`the Assay process ${process.pid}`);
  await using second = await servePostgres(scratch.path);
  expect(second.answer).toMatchObject({ code: 'postgres.data_dir_in_use' });
});

test('of two that start at once on an empty directory, one serves and the other names it', async () => {
  for (let round = 0; round < 2; round += 1) {
    await using scratch = await scratchDirectory();
    const both = await Promise.all([servePostgres(scratch.path), servePostgres(scratch.path)]);
    await using first = both[0];
    await using second = both[1];
    const [winner, loser] = 'pid' in first.answer ? [first, second] : [second, first];
    expect(winner.answer).toHaveProperty('pid');
    expect(loser.answer).toMatchObject({ code: 'postgres.data_dir_in_use' });
    expect(loser.answer).toHaveProperty(
      'message',
      expect.stringMatching(`the Assay process ${winner.process.pid}|that is just starting`),
    );
  }
});

test('a cluster of another major version is refused, saying which release reads it', async () => {
  await using scratch = await scratchDirectory(template.path);
  await writeFile(join(scratch.path, 'postgres', 'PG_VERSION'), '17\n');
  const { code, message } = await refusal(scratch.path);
  expect(code).toBe('postgres.wrong_version');
  expect(message).toMatch(/made by PostgreSQL 17, and this release brings PostgreSQL 18.*DATABASE_URL/s);
});

test('what is no cluster is refused and left as it is', async () => {
  await using scratch = await scratchDirectory();
  await mkdir(join(scratch.path, 'postgres'));
  await writeFile(join(scratch.path, 'postgres', 'thesis.txt'), 'mine');
  expect(await refusal(scratch.path)).toMatchObject({
    code: 'postgres.data_dir_unusable',
    message: expect.stringContaining('is not a PostgreSQL cluster, or a damaged one'),
  });
  expect(await readFile(join(scratch.path, 'postgres', 'thesis.txt'), 'utf8')).toBe('mine');
});

test('a damaged cluster is refused in the words of PostgreSQL', async () => {
  await using scratch = await scratchDirectory(template.path);
  await rm(join(scratch.path, 'postgres', 'global', 'pg_control'));
  const { code, message } = await refusal(scratch.path);
  expect(code).toBe('postgres.start_failed');
  expect(message).toContain('could not open file');
});

test('a directory that others can write to is refused and not altered', async () => {
  await using scratch = await scratchDirectory();
  await chmod(scratch.path, 0o777);
  expect(await refusal(scratch.path)).toMatchObject({
    code: 'postgres.data_dir_unusable',
    message: expect.stringContaining('chmod go-w'),
  });
  expect((await stat(scratch.path)).mode & 0o777).toBe(0o777);
});

test('a path that is a file is refused', async () => {
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, 'file');
  await writeFile(path, '');
  expect(await refusal(path)).toMatchObject({ code: 'postgres.data_dir_unusable' });
});

test('a cluster that others can read is closed before it is served', async () => {
  await using scratch = await scratchDirectory(template.path);
  await chmod(join(scratch.path, 'postgres'), 0o755);
  await chmod(join(scratch.path, 'postgres.pgpass'), 0o644);
  await using _postgres = await startEmbeddedPostgres({ dataDir: scratch.path, log });
  expect((await stat(join(scratch.path, 'postgres'))).mode & 0o777).toBe(0o700);
  expect((await stat(join(scratch.path, 'postgres.pgpass'))).mode & 0o777).toBe(0o600);
});

test.runIf(isRoot)('the directory of another user is refused, naming both', async () => {
  await using scratch = await scratchDirectory();
  await chown(scratch.path, 20_500, 20_500);
  expect(await refusal(scratch.path)).toMatchObject({
    code: 'postgres.data_dir_unusable',
    message: expect.stringMatching(/belongs to user 20500, and this is user 0.*chown/s),
  });
});

test.runIf(isRoot)('an ordinary user is told that the cluster is another user’s', async () => {
  await using scratch = await scratchDirectory(template.path);
  await run('chmod', ['755', join(scratch.path, '..')]);
  for (const path of ['.', 'postgres.pgpass', 'postgres.lock', 'postgres.owner', 'run']) {
    await lchown(join(scratch.path, path), 20_500, 20_500);
  }
  const prefix = ['setpriv', '--reuid=20500', '--regid=20500', '--clear-groups'];
  await using server = await servePostgres(scratch.path, { prefix });
  expect(server.answer).toMatchObject({
    code: 'postgres.data_dir_unusable',
    message: expect.stringMatching(/postgres belongs to user 0, and this is user 20500.*chown/s),
  });
});

test('a password file that does not fit the cluster is refused, saying how to set new passwords', async () => {
  await using scratch = await scratchDirectory(template.path);
  const file = join(scratch.path, 'postgres.pgpass');
  await writeFile(file, (await readFile(file, 'utf8')).replaceAll(/:[\w-]{32}$/gm, `:${'x'.repeat(32)}`));
  expect(await refusal(scratch.path)).toMatchObject({
    code: 'postgres.wrong_password',
    message: expect.stringContaining('delete it'),
  });
});

test('a directory whose restore did not finish is refused', async () => {
  await using scratch = await scratchDirectory(template.path);
  await mkdir(join(scratch.path, 'restore-abc'));
  expect(await refusal(scratch.path)).toMatchObject({
    code: 'postgres.data_dir_unusable',
    message: expect.stringContaining('did not finish'),
  });
});

test('a platform without a package is refused, naming DATABASE_URL', async () => {
  await expect(findPrograms('plan9-mips')).rejects.toMatchObject({
    code: 'postgres.unsupported_platform',
    message: expect.stringContaining('Set DATABASE_URL'),
  });
});
