import { chmod, lchown, lstat, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Account, runAs } from './account.ts';
import { DATABASE, OWNER, SUPERUSER } from './connection.ts';
import { type DataDirectory, STAGED_CLUSTER, syncDirectory } from './data-directory.ts';
import { postgresErrors, programFailure } from './errors.ts';
import type { Installation } from './installation.ts';
import { newPasswords, type Passwords, readPasswords, writePasswords } from './passwords.ts';

/**
 * What a new cluster's `postgresql.conf` says beside PostgreSQL's defaults. An operator may change it there; what
 * security rests on is given on the command line instead (`postmaster.ts`), where no file can undo it.
 */
const SETTINGS = {
  // Measured: 64 MB, of which an idle server has touched little; a small installation's data fits.
  shared_buffers: '64MB',
  max_connections: '100',
  // Parallel plans take shared memory that a container has only 64 MB of, and the two cores are shared with runs.
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  max_logical_replication_workers: '0',
  // A backup that has stalled gives up here instead of filling the disk with the log it keeps.
  max_slot_wal_keep_size: '4GB',
  log_checkpoints: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** Who may log in: over the Unix socket only, nobody without a password. */
const LOGIN_RULES = `# Written by Assay. There is no rule for TCP, since the server listens on its Unix socket only.
# TYPE  DATABASE     USER             METHOD
local   all          all              scram-sha-256
local   replication  ${SUPERUSER}  scram-sha-256
`;

/**
 * Makes the cluster when there is none, or takes the one that is there, and returns the passwords of its roles. A new
 * one is made beside its place and renamed when it is complete, with its roles and its database in it, so that a crash
 * leaves either a whole cluster or rubbish that the next start removes.
 * @throws AppError when the cluster is of another version, is not one, or can't be used by this user
 */
export async function openCluster(directory: DataDirectory, installation: Installation): Promise<Passwords> {
  await refuseOtherOwner(directory, installation);
  const known = await readPasswords(directory.passwords);
  if (!(await hasCluster(directory))) {
    const passwords = known ?? newPasswords();
    await writePasswords(directory.passwords, passwords);
    await createCluster(directory, installation, passwords);
    return passwords;
  }
  await refuseOtherVersion(directory, installation);
  await takeOver(directory.cluster, installation.account);
  if (known) return known;
  const passwords = newPasswords();
  await handedOver(directory.cluster, installation.account, (account) =>
    runSql(directory.cluster, { ...installation, account }, [
      `alter role ${OWNER} password '${passwords.owner}'`,
      `alter role ${SUPERUSER} password '${passwords.superuser}'`,
    ]),
  );
  await writePasswords(directory.passwords, passwords);
  return passwords;
}

/** Says whether a data directory holds a cluster, whole or damaged: an empty directory is none. */
export async function hasCluster({ cluster }: DataDirectory): Promise<boolean> {
  const names = await readdir(cluster).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.length > 0;
}

async function createCluster(
  directory: DataDirectory,
  installation: Installation,
  passwords: Passwords,
): Promise<void> {
  const staged = await mkdtemp(join(directory.root, STAGED_CLUSTER));
  try {
    await handedOver(staged, installation.account, async (account) => {
      await initialize(staged, { ...installation, account });
      await runSql(staged, { ...installation, account }, [
        `alter role ${SUPERUSER} password '${passwords.superuser}'`,
        `create role ${OWNER} login createrole createdb password '${passwords.owner}'`,
        `create database ${DATABASE} owner ${OWNER}`,
      ]);
    });
    await rename(staged, directory.cluster);
    await syncDirectory(directory.root);
  } catch (error) {
    await rm(staged, { recursive: true, force: true });
    throw error;
  }
}

async function initialize(cluster: string, { account, programs }: Installation): Promise<void> {
  const { code, output } = await runAs(account, [
    programs.initdb,
    `--pgdata=${cluster}`,
    `--username=${SUPERUSER}`,
    // Until our own rules are written: initdb's other choices want a password in a file, or trust everybody.
    '--auth=reject',
    '--locale=C',
    '--encoding=UTF8',
    '--no-instructions',
    ...Object.entries(SETTINGS).map(([name, value]) => `--set=${name}=${value}`),
  ]);
  if (code !== 0) throw programFailure('initdb could not make a database cluster', output, cluster);
  await writeFile(join(cluster, 'pg_hba.conf'), LOGIN_RULES);
}

/** Runs SQL on a cluster that no server runs on, without logging in. */
async function runSql(
  cluster: string,
  { account, programs }: Installation,
  commands: readonly string[],
): Promise<void> {
  const command = [programs.postgres, '--single', '-D', cluster, '-c', 'exit_on_error=on', 'postgres'];
  const { code, output } = await runAs(account, command, commands.map((line) => `${line};\n`).join(''));
  if (code !== 0) throw programFailure('PostgreSQL could not set up its roles', output, cluster);
}

async function refuseOtherVersion({ root, cluster }: DataDirectory, { major }: Installation): Promise<void> {
  const found = (await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => '')).trim();
  if (found === String(major)) return;
  if (!/^\d+(\.\d+)?$/.test(found)) {
    throw postgresErrors.data_dir_unusable(
      `${cluster} is not a PostgreSQL cluster, or a damaged one: its PG_VERSION can't be read. Move it away, or ` +
        'restore a backup with force.',
    );
  }
  throw postgresErrors.wrong_version(
    `${cluster} was made by PostgreSQL ${found}, and this release brings PostgreSQL ${major}, which can't read it. ` +
      `Start the Assay release that made it, or serve ${root} from a PostgreSQL ${found} of your own with DATABASE_URL.`,
  );
}

async function refuseOtherOwner({ cluster }: DataDirectory, { account }: Installation): Promise<void> {
  const found = await lstat(cluster).catch(() => undefined);
  if (found === undefined || found.uid === account.uid || process.getuid?.() === 0) return;
  throw postgresErrors.data_dir_unusable(
    `${cluster} belongs to user ${found.uid}, and this is user ${account.uid}. Start Assay as its owner, or hand it ` +
      `over: chown -R ${account.uid}:${account.gid} '${cluster}'`,
  );
}

/**
 * Makes the cluster usable by the account: PostgreSQL refuses files of another user or open to others. Root hands
 * them over, since the same directory may be served with user namespaces today and without tomorrow.
 */
async function takeOver(cluster: string, account: Account): Promise<void> {
  const found = await lstat(cluster);
  if (found.uid !== account.uid) await chownTree(cluster, account);
  if (found.mode & 0o077) await chmod(cluster, 0o700);
}

/** Does what only a user with a name can do to a cluster. */
async function handedOver(cluster: string, account: Account, work: (named: Account) => Promise<void>): Promise<void> {
  const named = account.named ?? account;
  await takeOver(cluster, named);
  await work(named);
  await takeOver(cluster, account);
}

/** The top directory comes last: it is what says whether the rest was done. */
async function chownTree(path: string, owner: { uid: number; gid: number }): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) await chownTree(inner, owner);
    else await lchown(inner, owner.uid, owner.gid);
  }
  await lchown(path, owner.uid, owner.gid);
}
