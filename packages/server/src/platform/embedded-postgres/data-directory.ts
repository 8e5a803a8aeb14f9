import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  realpath,
  rm,
  rmdir,
  stat,
  symlink,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endOrphans } from './cluster-processes.ts';
import { PORT, socketPath } from './connection.ts';
import { postgresErrors } from './errors.ts';

/** The parts of a data directory that belong to the embedded PostgreSQL. All paths are absolute and real. */
export type DataDirectory = {
  root: string;
  /** PostgreSQL's own data directory. Made elsewhere and renamed here, so it is complete or absent. */
  cluster: string;
  /** The directory of the socket, or a link to it where the path would be too long for one. */
  run: string;
  passwords: string;
  lock: string;
  owner: string;
};

/** A user and a group of the system. */
export type Owner = { uid: number; gid: number };

/** Prefix of a cluster in the making. */
export const STAGED_CLUSTER = 'postgres.new-';
/** Prefix of PostgreSQL's programs where they had to be copied to be runnable. */
export const PROGRAMS_COPY = 'postgres-programs-';
/** Prefix of a restore in the making. While it is there, the directory is not to be used. */
export const STAGED_RESTORE = 'restore-';
/** Prefix of what a forced restore replaced. */
export const REPLACED = 'before-restore-';

const OF_THIS_MACHINE = ['run', 'tmp', 'background', 'postgres.lock', 'postgres.owner'];
const IN_THE_MAKING = [STAGED_CLUSTER, PROGRAMS_COPY, STAGED_RESTORE, REPLACED];

/** The longest socket path that Linux (107) and macOS (103) both take, in bytes. */
const SOCKET_PATH_LIMIT = 103;

/** Says whether a top-level entry is state to keep, or belongs to this machine and this moment. */
export function isState(name: string): boolean {
  return !OF_THIS_MACHINE.includes(name) && !IN_THE_MAKING.some((prefix) => name.startsWith(prefix));
}

/** Says whether a top-level entry is the database itself, which a backup of the files alone leaves out. */
export function isDatabase(name: string): boolean {
  return name === 'postgres' || name === 'postgres.pgpass';
}

/**
 * Opens a data directory, making it when it is missing. Its mode is left alone when it exists: everything private
 * inside has a mode of its own, and a directory named by mistake (`/`, `/tmp`) must not be altered.
 * @throws AppError `postgres.data_dir_unusable` when it can't be made, or another user could replace what is in it
 */
export async function openDataDirectory(path: string): Promise<DataDirectory> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const root = await realpath(path);
  const found = await stat(root);
  const uid = process.getuid?.() ?? 0;
  if (found.uid !== uid) {
    throw postgresErrors.data_dir_unusable(
      `The data directory ${root} belongs to user ${found.uid}, and this is user ${uid}. ` +
        `Start Assay as its owner, hand it over with chown -R ${uid} '${root}', or name a new directory below it.`,
    );
  }
  if (found.mode & 0o022) {
    throw postgresErrors.data_dir_unusable(
      `Other users can write to the data directory ${root}. Close it with chmod go-w '${root}', or name a new directory ` +
        'below it.',
    );
  }
  return {
    root,
    cluster: join(root, 'postgres'),
    run: join(root, 'run'),
    passwords: join(root, 'postgres.pgpass'),
    lock: join(root, 'postgres.lock'),
    owner: join(root, 'postgres.owner'),
  };
}

/**
 * Removes what a crash left half made. Call it with the directory locked.
 * @throws AppError `postgres.data_dir_unusable` when a restore did not finish: what is there may be incomplete
 */
export async function clearLeftovers(directory: DataDirectory): Promise<void> {
  const names = await readdir(directory.root);
  const restore = names.find((name) => name.startsWith(STAGED_RESTORE));
  if (restore) {
    throw postgresErrors.data_dir_unusable(
      `A restore into ${directory.root} did not finish, so its contents may be incomplete. Run the restore again ` +
        `with force, or delete ${join(directory.root, restore)} if you know that it is not needed.`,
    );
  }
  for (const name of names.filter((name) => name.startsWith(STAGED_CLUSTER))) {
    const staged = join(directory.root, name);
    // initdb's own children outlive a killed parent for a moment, and go on writing.
    await endOrphans(staged);
    await rm(staged, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

/** The real directory of the socket, made when missing, entered only by the user that runs the server and by us. */
export async function openSocketDirectory({ root, run }: DataDirectory, owner: Owner): Promise<string> {
  const host = await privateDirectory(root, run, owner);
  await chown(host, owner.uid, owner.gid);
  await chmod(host, 0o700);
  return host;
}

async function privateDirectory(root: string, run: string, owner: Owner): Promise<string> {
  const isShort = Buffer.byteLength(socketPath(run, PORT)) <= SOCKET_PATH_LIMIT;
  const found = await lstat(run).catch(() => undefined);
  if (found?.isSymbolicLink()) {
    if (await isPrivate(run, owner)) return await realpath(run);
    await rm(run);
  } else if (found && isShort) {
    return run;
  } else if (found) {
    await rmdir(run);
  }
  if (isShort) {
    await mkdir(run, { mode: 0o700 });
    return run;
  }
  const elsewhere = await mkdtemp(join(await realpath(tmpdir()), 'assay-'));
  if (Buffer.byteLength(socketPath(elsewhere, PORT)) > SOCKET_PATH_LIMIT) {
    await rmdir(elsewhere);
    throw postgresErrors.data_dir_unusable(
      `A Unix socket's path is at most ${SOCKET_PATH_LIMIT} bytes, and both ${root} and the temporary directory are ` +
        'too long for that. Choose a shorter data directory, or a shorter TMPDIR.',
    );
  }
  await symlink(elsewhere, run);
  return elsewhere;
}

/** Makes renames in a directory survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The temporary directory is everybody's, and is emptied now and then: the link's target may be gone or another's. */
async function isPrivate(path: string, owner: Owner): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isDirectory() || (found.mode & 0o077) !== 0) return false;
  return found.uid === owner.uid || found.uid === process.getuid?.();
}
