import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import type { DataDirectory } from './data-directory.ts';
import { postgresErrors } from './errors.ts';

const SQLITE_BUSY = 5;

/**
 * Takes a data directory for this process until disposed. The kernel holds the lock, so it ends with the process
 * however that dies: there is no stale lock to guess about. SQLite's exclusive transaction is the one advisory lock
 * that Node can take on every system, and it holds within a process too.
 *
 * NOTE: nobody in this process may open and close the lock's file by another way, a backup included: closing any
 * descriptor of it gives up the lock (POSIX).
 * @throws AppError `postgres.data_dir_in_use` naming the process that has it
 */
export async function lockDataDirectory(directory: DataDirectory): Promise<Disposable> {
  const lock = await openLock(directory);
  try {
    // The journal would be a second file, and nothing is ever written.
    lock.exec('pragma journal_mode = memory; begin exclusive');
    // Whoever may read the file may lock it: keep everybody else from keeping us out.
    await chmod(directory.lock, 0o600);
    await writeFile(directory.owner, `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    lock.close();
    if (!isBusy(error)) throw error;
    throw postgresErrors.data_dir_in_use(
      `The data directory ${directory.root} is in use by ${await holder(directory)}. ` +
        'Stop that one, or start this one with a data directory of its own.',
    );
  }
  return { [Symbol.dispose]: () => lock.close() };
}

/** SQLite says "unable to open" for a full disk and a missing right alike: writing a file tells which. */
async function openLock({ lock }: DataDirectory): Promise<DatabaseSync> {
  try {
    return new DatabaseSync(lock, { timeout: 0 });
  } catch (error) {
    const trial = `${lock}.trial`;
    await writeFile(trial, 'x');
    await rm(trial);
    throw error;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

/** The holder writes its id just after it has the lock; before that the file names nobody, or somebody dead. */
async function holder({ owner }: DataDirectory): Promise<string> {
  const pid = Number(await readFile(owner, 'utf8').catch(() => ''));
  return isAlive(pid) ? `the Assay process ${pid}` : 'another Assay process that is just starting';
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
