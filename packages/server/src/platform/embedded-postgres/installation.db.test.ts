import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, readdir, readlink, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { expect, test } from 'vitest';
import { recordingLog } from '../../../test/recording-log.ts';
import { scratchDirectory } from '../../../test/scratch-directory.ts';
import { servePostgres } from '../../../test/served-postgres.ts';
import { type Account, accountsFor, currentCaller } from './account.ts';
import { openDataDirectory } from './data-directory.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';
import { prepareInstallation } from './installation.ts';
import { copyPrograms, findPrograms } from './programs.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
const log = recordingLog();

async function countRows({ connection }: EmbeddedPostgres): Promise<unknown> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    await client.query('create table if not exists starts (at timestamptz default now())');
    await client.query('insert into starts default values');
    return (await client.query('select count(*)::int as starts from starts')).rows[0];
  } finally {
    await client.end();
  }
}

/** A copy of the installed package in which nothing is linked, as npm leaves it. */
async function unlinkedCopy(into: string): Promise<string> {
  const copy = await copyPrograms(await findPrograms(), await openDataDirectory(into));
  const library = join(copy.folder, 'lib');
  for (const entry of await readdir(library, { withFileTypes: true })) {
    if (entry.isSymbolicLink()) await rm(join(library, entry.name));
  }
  return copy.folder;
}

test('the first account that works is taken', async () => {
  await using scratch = await scratchDirectory();
  const directory = await openDataDirectory(scratch.path);
  const accounts = accountsFor(currentCaller());
  const [best] = accounts;
  if (best === undefined) throw new Error('There is an account for every user.');
  const broken: Account = { ...best, name: 'broken', prefix: ['/nonexistent/unshare'] };
  const failing: Account = { ...best, name: 'failing', prefix: ['sh', '-c', 'echo no namespaces; exit 1', 'sh'] };
  expect((await prepareInstallation(directory, [broken, failing, best])).account).toBe(best);
});

test('where no account works, the refusal says what each of them said', async () => {
  await using scratch = await scratchDirectory();
  const directory = await openDataDirectory(scratch.path);
  const account = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const broken: Account = { ...account, name: 'the first', prefix: ['/nonexistent/unshare'] };
  const failing: Account = {
    ...account,
    name: 'the second',
    prefix: ['sh', '-c', 'case "$*" in *--version) echo no namespaces; exit 1;; esac; "$@"', 'sh'],
  };
  await expect(prepareInstallation(directory, [broken, failing])).rejects.toMatchObject({
    code: 'postgres.cannot_run',
    message: expect.stringMatching(/as the first: .*ENOENT.*as the second: no namespaces.*DATABASE_URL/s),
  });
  expect((await readdir(scratch.path)).filter((name) => name.startsWith('postgres-programs'))).toEqual([]);
});

const as = (uid: number) => ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];

test.runIf(isRoot)(
  'an ordinary user starts it, even one without a name where user namespaces are allowed',
  async () => {
    const canUnshare = await run('setpriv', [...as(20_500).slice(1), 'unshare', '--user', 'true']).then(
      () => true,
      () => false,
    );
    for (const uid of [65_534, 20_500]) {
      await using scratch = await scratchDirectory();
      await chmod(scratch.path, 0o755);
      const dataDir = join(scratch.path, 'data');
      await mkdir(dataDir, { mode: 0o700 });
      await chown(dataDir, uid, uid);
      await using server = await servePostgres(dataDir, { prefix: as(uid) });
      if (uid === 20_500 && !canUnshare) {
        expect(server.answer).toMatchObject({ message: expect.stringContaining('wants a name for its user') });
        continue;
      }
      expect(server.answer).toMatchObject({ pid: expect.any(Number) });
      const { pid } = server.answer as { pid: number };
      expect((await stat(`/proc/${pid}`)).uid).toBe(uid);
      expect((await stat(join(dataDir, 'postgres'))).uid).toBe(uid);
    }
  },
);

test.runIf(isRoot)(
  'root without user namespaces runs it as a user of its own, and the other way round again',
  async () => {
    await using scratch = await scratchDirectory();
    await chmod(scratch.path, 0o755);
    const dataDir = join(scratch.path, 'data');
    const all = accountsFor(currentCaller());
    const [namespaced, dropped, plain] = all;
    if (!(namespaced && dropped && plain)) throw new Error('Root has three ways to run it.');
    let starts = 0;
    for (const account of [dropped, namespaced, dropped, plain]) {
      await using postgres = await startEmbeddedPostgres({ dataDir, log, accounts: [account] });
      starts += 1;
      expect(await countRows(postgres)).toEqual({ starts });
      expect((await stat(join(dataDir, 'postgres', 'PG_VERSION'))).uid).toBe(account.uid);
      expect((await stat(join(dataDir, 'run'))).uid).toBe(account.uid);
      expect((await stat(`/proc/${postgres.pid}`)).uid).toBe(account.uid);
    }
    // Its group may pass, to reach its own files; nobody else may.
    expect((await stat(dataDir)).mode & 0o777).toBe(0o710);
    expect((await stat(join(dataDir, 'postgres.pgpass'))).uid).toBe(0);
  },
);

test.runIf(isRoot)('a directory that the other user can’t reach is refused, saying where to put it', async () => {
  await using scratch = await scratchDirectory();
  const dataDir = join(scratch.path, 'data');
  const accounts = accountsFor(currentCaller()).slice(1);
  await expect(startEmbeddedPostgres({ dataDir, log, accounts })).rejects.toMatchObject({
    code: 'postgres.cannot_run',
    message: expect.stringMatching(/it can't enter .*data.*such as \/var\/lib/s),
  });
});

test.runIf(isRoot)('programs that the other user can’t reach are copied to where it can', async () => {
  await using scratch = await scratchDirectory();
  await chmod(scratch.path, 0o755);
  const dataDir = join(scratch.path, 'data');
  const [, dropped] = accountsFor(currentCaller());
  if (!dropped) throw new Error('Root has another way.');
  const hidden = dirname((await findPrograms()).folder);
  const hide = ['unshare', '--mount', 'sh', '-c', `mount -t tmpfs none '${hidden}' && exec "$@"`, 'sh'];
  const account = { ...dropped, prefix: [...hide, ...dropped.prefix] };
  await using postgres = await startEmbeddedPostgres({ dataDir, log, accounts: [account] });
  expect(await countRows(postgres)).toEqual({ starts: 1 });
  expect(await readlink(`/proc/${postgres.pid}/exe`)).toContain(join(dataDir, 'postgres-programs-'));
});

test('the links that npm did not make are made, by several processes at once', async () => {
  await using scratch = await scratchDirectory();
  const folder = await unlinkedCopy(scratch.path);
  const postgres = join(folder, 'bin', 'postgres');
  await expect(run(postgres, ['--version'])).rejects.toThrow('cannot open shared object file');
  const script = `
    import { linkLibraries } from '${new URL('./programs.ts', import.meta.url)}';
    console.log(await linkLibraries(process.argv[1]));`;
  const link = () => run(process.execPath, ['--input-type=module-typescript', '-e', script, dirname(folder)]);
  const said = await Promise.all([link(), link(), link()]);
  expect(said.map(({ stdout }) => stdout)).toEqual(['true\n', 'true\n', 'true\n']);
  expect((await run(postgres, ['--version'])).stdout).toContain('PostgreSQL');
});
