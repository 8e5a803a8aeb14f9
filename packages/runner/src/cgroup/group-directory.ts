import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** A killed process leaves its group within milliseconds, one in a long system call within a second or so. */
const REMOVE_WITHIN_MS = 5000;
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 100;

/** Reads a single-number file of a group. */
export function readNumber(path: string): number {
  return Number.parseInt(readFileSync(path, 'utf8'), 10);
}

/** Reads one counter of a `name value` file such as `memory.events`; 0 when it is not there. */
export function readCounter(path: string, name: string): number {
  const match = new RegExp(`^${name} (\\d+)`, 'm').exec(readFileSync(path, 'utf8'));
  return Number.parseInt(match?.[1] ?? '0', 10);
}

/** Waits a moment for a group's processes to be gone, down to a number that stays. Zombies are not counted. */
export async function holdsAtMost(directory: string, processes: number): Promise<boolean> {
  const deadline = performance.now() + LONGEST_PAUSE_MS;
  for (let pause = FIRST_PAUSE_MS; membersOf(directory).length > processes; pause *= 2) {
    if (performance.now() > deadline) return false;
    await delay(pause);
  }
  return true;
}

function membersOf(directory: string): number[] {
  return readFileSync(`${directory}/cgroup.procs`, 'utf8').split('\n').filter(Boolean).map(Number);
}

/** Removes an empty group, waiting for its last processes to be gone. */
export async function removeGroup(directory: string): Promise<void> {
  const deadline = performance.now() + REMOVE_WITHIN_MS;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return await rmdir(directory);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY' || performance.now() > deadline) throw error;
    }
    await delay(pause);
  }
}

/** Names a process so that a later one with the same id is not taken for it; undefined when it has ended. */
export function processName(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? undefined : `${pid}-${fields[18]}`;
  } catch {
    return undefined;
  }
}

/** Kills what is in the groups of processes that are no more, and removes those groups in its own time. */
export function sweepStaleGroups(parent: string): void {
  for (const name of directoriesIn(parent)) {
    const pid = Number.parseInt(name, 10);
    if (Number.isNaN(pid) || processName(pid) === name) continue;
    // One that a process hangs in is found again by the next start.
    void removeTree(`${parent}/${name}`).catch(() => undefined);
  }
}

/** Kills every process in a group, but not in the groups below it. */
export function killMembers(directory: string): void {
  for (const pid of membersOf(directory)) signal(pid);
}

async function removeTree(directory: string): Promise<void> {
  await Promise.all(directoriesIn(directory).map((name) => removeTree(`${directory}/${name}`)));
  killMembers(directory);
  await removeGroup(directory);
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone by itself.
  }
}

function directoriesIn(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [entry.name] : [],
    );
  } catch {
    return [];
  }
}

/** Writes a value into a control file if the kernel has that file. */
export function writeIfPresent(path: string, value: string): void {
  if (statSync(path, { throwIfNoEntry: false })) writeFileSync(path, value);
}
