import { readdirSync, readFileSync, statfsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Box } from './box.ts';

const PAGE_BYTES = 4096;
/** Linux reports CPU time to programs in hundredths of a second, whatever its own clock. */
const TICK_MS = 10;
const MB = 1 << 20;
const GONE_WITHIN_MS = 5000;

/** What the processes of a box hold at one moment. */
export type TreeSample = { memoryMb: number; cpuMs: number; processes: number };

/**
 * Adds up a process and all its descendants. Inside a box every process descends from its first one, so nothing can
 * leave the sum by turning into a daemon.
 */
export function sampleTree(root: number): TreeSample {
  const sample: TreeSample = { memoryMb: 0, cpuMs: 0, processes: 0 };
  const waiting = [root];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    const memory = ownPages(readProc(`${pid}/statm`));
    const stat = readProc(`${pid}/stat`);
    if (stat === '') continue;
    sample.processes += 1;
    sample.memoryMb += (memory * PAGE_BYTES) / MB;
    sample.cpuMs += cpuTicks(stat) * TICK_MS;
    waiting.push(...childrenOf(pid));
  }
  return sample;
}

/** Resident pages less those of files, which belong to the machine's cache and would count once for each process. */
function ownPages(statm: string): number {
  const [, resident = '0', shared = '0'] = statm.split(' ');
  return Number.parseInt(resident, 10) - Number.parseInt(shared, 10);
}

/** Own time in user and system mode, and that of ended children: fields 14 to 17, counted from after the name. */
function cpuTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number.parseInt(ticks, 10), 0);
}

/** A child is listed under the thread that made it. */
function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((thread) =>
    readProc(`${pid}/task/${thread}/children`).trim().split(' ').filter(Boolean).map(Number),
  );
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** Empty when the process has just ended. */
function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return '';
  }
}

/** Files and folders on the box's writable mounts. They cost memory of the machine that no process limit counts. */
export function countFiles(init: number): number {
  let count = 0;
  for (const mount of ['work', 'tmp', 'dev/shm']) {
    try {
      const { files, ffree } = statfsSync(`/proc/${init}/root/${mount}`);
      count += files - ffree;
    } catch {
      // The box has just ended.
    }
  }
  return count;
}

/** Waits until the box's first process is gone: the kernel lets it go last. Without cgroups, this is the only proof. */
export async function waitUntilGone(box: Box): Promise<void> {
  let init: number;
  try {
    init = box.initPid;
  } catch {
    return;
  }
  const deadline = performance.now() + GONE_WITHIN_MS;
  while (isLive(init)) {
    if (performance.now() > deadline) throw new Error(`Process ${init} of a box did not end.`);
    await delay(2);
  }
}

/** A zombie is no live process; where nobody reaps orphans, it stays for ever. */
function isLive(pid: number): boolean {
  const stat = readProc(`${pid}/stat`);
  return stat !== '' && stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
}
