import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { ControlGroup, ControlGroups, GroupLimits, GroupUsage } from './control-group.ts';
import {
  killMembers,
  readCounter,
  readNumber,
  removeGroup,
  sweepStaleGroups,
  writeIfPresent,
} from './group-directory.ts';

const CPU_PERIOD_US = 100_000;
const LEAST_QUOTA_US = 1000;
const MB = 1 << 20;
const NEEDED = ['memory', 'pids', 'cpu'];

/**
 * Groups of version 2 under `base`, a directory delegated to this process. A group whose children have limits may
 * hold no processes itself, so this process first moves into a leaf of its own.
 */
export function groupsVersion2(base: string, owner: string): ControlGroups {
  const available = words(`${base}/cgroup.controllers`);
  const lacking = NEEDED.filter((controller) => !available.includes(controller));
  if (lacking.length > 0) throw new Error(`${base} has no controller ${lacking.join(', ')}.`);
  const leaf = `${base}/assay-runner-self`;
  const parent = `${base}/assay-runner`;
  const own = `${parent}/${owner}`;
  if (existsSync(parent)) sweepStaleGroups(parent);
  mkdirSync(leaf, { recursive: true });
  writeFileSync(`${leaf}/cgroup.procs`, String(process.pid));
  mkdirSync(own, { recursive: true });
  for (const directory of [base, parent, own]) enableControllers(directory);
  return {
    version: 2,
    create: (name) => new GroupVersion2(`${own}/${name}`),
    async close() {
      await removeGroup(own);
      removeIfEmpty(parent);
    },
  };
}

function enableControllers(directory: string): void {
  const enabled = words(`${directory}/cgroup.subtree_control`);
  const missing = NEEDED.filter((controller) => !enabled.includes(controller));
  if (missing.length === 0) return;
  const change = missing.map((controller) => `+${controller}`).join(' ');
  writeFileSync(`${directory}/cgroup.subtree_control`, change);
}

const words = (path: string): string[] => readFileSync(path, 'utf8').trim().split(/\s+/);

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Another runner has its groups there.
  }
}

class GroupVersion2 implements ControlGroup {
  readonly directories: readonly string[];
  readonly #at: string;
  #limits: Partial<GroupLimits> = {};

  constructor(at: string) {
    this.#at = at;
    this.directories = [at];
    mkdirSync(at);
    writeIfPresent(`${at}/memory.swap.max`, '0');
  }

  attach(pid: number): Promise<void> {
    return writeFile(`${this.#at}/cgroup.procs`, String(pid));
  }

  limit({ memoryMb, processes, cpus }: GroupLimits): void {
    if (memoryMb !== this.#limits.memoryMb) {
      const bytes = memoryMb * MB;
      // Version 2 accepts a limit below what is used and then kills; version 1 refuses. Refuse here as well.
      if (readNumber(`${this.#at}/memory.current`) > bytes) throw new Error('The group uses more memory already.');
      writeFileSync(`${this.#at}/memory.max`, String(bytes));
    }
    if (processes !== this.#limits.processes) writeFileSync(`${this.#at}/pids.max`, String(processes));
    if (cpus !== this.#limits.cpus) {
      const quota = Math.max(LEAST_QUOTA_US, Math.floor(cpus * CPU_PERIOD_US));
      writeFileSync(`${this.#at}/cpu.max`, `${quota} ${CPU_PERIOD_US}`);
    }
    this.#limits = { memoryMb, processes, cpus };
  }

  cpuMs(): number {
    return readCounter(`${this.#at}/cpu.stat`, 'usage_usec') / 1000;
  }

  usage(): GroupUsage {
    const peak = `${this.#at}/memory.peak`;
    return {
      cpuMs: this.cpuMs(),
      memoryPeakMb: existsSync(peak) ? readNumber(peak) / MB : null,
      memoryKills: readCounter(`${this.#at}/memory.events`, 'oom_kill'),
      refusedForks: readCounter(`${this.#at}/pids.events`, 'max'),
    };
  }

  /** The peak of memory cannot be reset before Linux 6.12, and a new group is one directory. */
  async recycle(): Promise<boolean> {
    return false;
  }

  killAll(): void {
    killMembers(this.#at);
  }

  remove(): Promise<void> {
    return removeGroup(this.#at);
  }
}
