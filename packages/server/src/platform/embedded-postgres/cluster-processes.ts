import { execFile } from 'node:child_process';
import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { postgresErrors } from './errors.ts';

/** A fast shutdown writes what is in memory to disk; on a slow one that takes a while, and after a crash it is redone. */
const PATIENCE_MS = { SIGINT: 20_000, SIGQUIT: 5_000, SIGKILL: 5_000 };

/**
 * Ends what still runs on a cluster after the Assay that started it has died. Nothing does when the lock of the data
 * directory was ours to take, except what outlived its parent; it is stopped rather than adopted, so that the server
 * is always our child and runs with this release's settings. Backends without a postmaster would block a new one.
 */
export async function endOrphans(cluster: string): Promise<number[]> {
  const orphans = await findProcesses(cluster);
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    const postmaster = await recordedPostmaster(cluster);
    const left = await findProcesses(cluster);
    // A backend takes SIGINT for "cancel the query": only the postmaster can be asked to shut down.
    for (const pid of left.filter((pid) => signal !== 'SIGINT' || pid === postmaster)) kill(pid, signal);
    if (signal === 'SIGINT' && !left.includes(postmaster)) continue;
    if (await allGone(cluster, PATIENCE_MS[signal])) break;
  }
  const left = await findProcesses(cluster);
  if (left.length > 0) {
    throw postgresErrors.start_failed(
      `PostgreSQL processes of an earlier start still run on ${cluster} and don't end: ${left.join(', ')}. End them.`,
    );
  }
  await removeForeignPidFile(cluster);
  return orphans;
}

/**
 * Removes a pid file whose number now belongs to another program, as happens when a container starts again and numbers
 * are few. PostgreSQL would refuse to start, taking that program for its predecessor. A number that nobody has is left
 * for PostgreSQL to judge: it also looks for shared memory in use.
 */
async function removeForeignPidFile(cluster: string): Promise<void> {
  const pid = await recordedPostmaster(cluster);
  if (pid > 0 && process.platform === 'linux' && isRunning(pid))
    await rm(join(cluster, 'postmaster.pid'), { force: true });
}

/** The id that the last postmaster left in the cluster, or 0. */
async function recordedPostmaster(cluster: string): Promise<number> {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return Number.isInteger(pid) && pid > 0 ? pid : 0;
}

/**
 * A server's processes are named postgres and stand in its data directory: ids alone are reused. An initdb that outlived
 * its parent is one of them: it goes on to start servers of its own, one after the other.
 */
async function findProcesses(cluster: string): Promise<number[]> {
  if (process.platform !== 'linux') return await findRecorded(cluster);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const ours = await Promise.all(pids.map((pid) => isOf(pid, cluster)));
  return pids.filter((_, index) => ours[index]);
}

async function isOf(pid: number, cluster: string): Promise<boolean> {
  const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '');
  switch ((await read('comm')).trim()) {
    case 'postgres':
      return (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === cluster;
    case 'initdb':
      return (await read('cmdline')).split('\0').some((word) => word === cluster || word.endsWith(`=${cluster}`));
    default:
      return false;
  }
}

/** Without /proc only the postmaster can be told: its command line names the cluster. */
async function findRecorded(cluster: string): Promise<number[]> {
  const pid = await recordedPostmaster(cluster);
  if (pid === 0) return [];
  const ps = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return ps.stdout.includes('postgres') && ps.stdout.includes(cluster) ? [pid] : [];
}

async function allGone(cluster: string, patienceMs: number): Promise<boolean> {
  const deadline = performance.now() + patienceMs;
  while ((await findProcesses(cluster)).length > 0) {
    if (performance.now() > deadline) return false;
    await delay(10);
  }
  return true;
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended meanwhile.
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
