import { readdirSync, readFileSync } from 'node:fs';

/** The kernel counts CPU time for user space in hundredths of a second, on every architecture. */
const MS_PER_TICK = 10;

/** One process as /proc shows it. */
export type Process = {
  pid: number;
  parent: number;
  command: string;
  /** CPU time of its own, all threads, milliseconds. */
  ownMs: number;
  /** CPU time of the children that it has waited for, with theirs, milliseconds. */
  reapedMs: number;
};

/** Every process of the machine, by its id. Those that end while we look are left out. */
export function allProcesses(): Map<number, Process> {
  const found = new Map<number, Process>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const one = parseStat(readFileSync(`/proc/${name}/stat`, 'latin1'));
      found.set(one.pid, { ...one, command: readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ') });
    } catch (error) {
      if (!hasEnded(error)) throw error;
    }
  }
  return found;
}

/** What reading of a process says that has ended since it was listed. */
const hasEnded = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH'].includes(String(error.code));

/** The name of a program may hold spaces and brackets, so fields are counted from the last bracket. */
function parseStat(text: string): Omit<Process, 'command'> {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = (index: number): number => Number(fields[index] ?? 0) * MS_PER_TICK;
  return {
    pid: Number.parseInt(text, 10),
    parent: Number(fields[1]),
    ownMs: ticks(11) + ticks(12),
    reapedMs: ticks(13) + ticks(14),
  };
}

/** A process and everything below it, as of now, the process first. */
export function processTree(root: number, all: Map<number, Process> = allProcesses()): Process[] {
  const children = new Map<number, Process[]>();
  for (const one of all.values()) children.set(one.parent, [...(children.get(one.parent) ?? []), one]);
  const below = (pid: number): Process[] => (children.get(pid) ?? []).flatMap((one) => [one, ...below(one.pid)]);
  const first = all.get(root);
  return first ? [first, ...below(root)] : [];
}

/**
 * CPU time that a tree has used since it began, milliseconds. Time of a process that has ended is in what its parent
 * reaped, so the sum only grows as long as the parents live.
 */
export const treeMs = (tree: readonly Process[]): number =>
  tree.reduce((sum, { ownMs, reapedMs }) => sum + ownMs + reapedMs, 0);

/** Where the kernel keeps what it does for others, and whoever has lost its parent. */
const KERNEL_AND_ORPHANS: ReadonlySet<number> = new Set([1, 2]);

/**
 * CPU time that processes which are not ours have used, milliseconds. Sandboxes lose their parent before they are
 * reaped, and the kernel takes them apart in threads of its own: neither leaves a trace below us, so what process 1
 * reaped and what kernel threads did is counted as nobody's here, and thus as ours by those who subtract.
 */
export function foreignMs(ours: number): number {
  const all = allProcesses();
  const own = new Set(processTree(ours, all).map(({ pid }) => pid));
  const isForeign = ({ pid, parent }: Process): boolean =>
    !own.has(pid) && !KERNEL_AND_ORPHANS.has(pid) && !(parent === 2);
  return treeMs([...all.values()].filter(isForeign));
}

/** CPU time that the whole machine has been busy for since it started, milliseconds. */
export function machineBusyMs(): number {
  const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n', 1);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line.split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softirq) * MS_PER_TICK;
}

/** Resident memory of a process: all of it, and its share of what it shares with others. Bytes; none when it has ended. */
export function residentMemory(pid: number): { rss: number; pss: number } {
  const text = readMemory(pid);
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
  return { rss: bytes('Rss'), pss: bytes('Pss') };
}

function readMemory(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  } catch (error) {
    if (hasEnded(error)) return '';
    throw error;
  }
}
