import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { ControlGroup, ControlGroups, GroupLimits, GroupUsage } from './control-group.ts';
import {
  holdsAtMost,
  killMembers,
  readCounter,
  readNumber,
  removeGroup,
  sweepStaleGroups,
  writeIfPresent,
} from './group-directory.ts';
import type { Controller } from './hierarchy.ts';

const CPU_PERIOD_US = 100_000;
/** The kernel takes no smaller quota. */
const LEAST_QUOTA_US = 1000;
const MB = 1 << 20;
/** What a box may leave charged to its group, mostly names of files the kernel remembers. */
const MOST_RESIDUE_BYTES = 4 * MB;

/**
 * Groups of version 1: one hierarchy for each controller, some of them mounted together. `bases` are directories
 * that this process may make groups in.
 */
export function groupsVersion1(bases: Record<Controller, string>, owner: string): ControlGroups {
  const parents = mapValues(bases, (base) => `${base}/assay-runner`);
  const own = mapValues(parents, (parent) => `${parent}/${owner}`);
  for (const parent of unique(parents)) sweepStaleGroups(parent);
  for (const directory of unique(own)) mkdirSync(directory, { recursive: true });
  return {
    version: 1,
    create: (name) => new GroupVersion1(mapValues(own, (directory) => `${directory}/${name}`)),
    async close() {
      await Promise.all(unique(own).map(removeGroup));
      for (const parent of unique(parents)) removeIfEmpty(parent);
    },
  };
}

/** Another runner may have its groups beside ours. */
function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // In use.
  }
}

function mapValues(record: Record<Controller, string>, map: (value: string) => string): Record<Controller, string> {
  const { memory, pids, cpu, cpuacct } = record;
  return { memory: map(memory), pids: map(pids), cpu: map(cpu), cpuacct: map(cpuacct) };
}

const unique = (directories: Record<Controller, string>): string[] => [...new Set(Object.values(directories))];

class GroupVersion1 implements ControlGroup {
  readonly #at: Record<Controller, string>;
  readonly directories: readonly string[];
  #limits: Partial<GroupLimits> = {};
  /** Counters of the kernel as they stood when the current box began. */
  #before = { cpuMs: 0, memoryKills: 0, refusedForks: 0 };

  constructor(at: Record<Controller, string>) {
    this.#at = at;
    this.directories = unique(at);
    for (const directory of this.directories) mkdirSync(directory);
  }

  async attach(pid: number): Promise<void> {
    await Promise.all(this.directories.map((directory) => writeFile(`${directory}/cgroup.procs`, String(pid))));
  }

  limit({ memoryMb, processes, cpus }: GroupLimits): void {
    if (memoryMb !== this.#limits.memoryMb) this.#limitMemory(memoryMb);
    if (processes !== this.#limits.processes) writeFileSync(`${this.#at.pids}/pids.max`, String(processes));
    if (cpus !== this.#limits.cpus) {
      const quota = Math.max(LEAST_QUOTA_US, Math.floor(cpus * CPU_PERIOD_US));
      writeFileSync(`${this.#at.cpu}/cpu.cfs_quota_us`, String(quota));
    }
    this.#limits = { memoryMb, processes, cpus };
  }

  /** Memory with swap may never be below memory alone, so the order depends on the direction. */
  #limitMemory(memoryMb: number): void {
    const plain = `${this.#at.memory}/memory.limit_in_bytes`;
    const withSwap = `${this.#at.memory}/memory.memsw.limit_in_bytes`;
    const bytes = String(memoryMb * MB);
    const raise = memoryMb > (this.#limits.memoryMb ?? Number.POSITIVE_INFINITY);
    if (raise) writeIfPresent(withSwap, bytes);
    writeFileSync(plain, bytes);
    if (!raise) writeIfPresent(withSwap, bytes);
  }

  cpuMs(): number {
    return readNumber(`${this.#at.cpuacct}/cpuacct.usage`) / 1e6 - this.#before.cpuMs;
  }

  usage(): GroupUsage {
    return {
      cpuMs: this.cpuMs(),
      memoryPeakMb: readNumber(`${this.#at.memory}/memory.max_usage_in_bytes`) / MB,
      memoryKills: readCounter(`${this.#at.memory}/memory.oom_control`, 'oom_kill') - this.#before.memoryKills,
      refusedForks: readCounter(`${this.#at.pids}/pids.events`, 'max') - this.#before.refusedForks,
    };
  }

  async recycle(members: number): Promise<boolean> {
    if (!(await holdsAtMost(this.#at.pids, members))) return false;
    if (readNumber(`${this.#at.memory}/memory.usage_in_bytes`) > MOST_RESIDUE_BYTES) return false;
    writeFileSync(`${this.#at.memory}/memory.max_usage_in_bytes`, '0');
    const { cpuMs, memoryKills, refusedForks } = this.usage();
    const before = this.#before;
    this.#before = {
      cpuMs: before.cpuMs + cpuMs,
      memoryKills: before.memoryKills + memoryKills,
      refusedForks: before.refusedForks + refusedForks,
    };
    return true;
  }

  killAll(): void {
    killMembers(this.#at.pids);
  }

  async remove(): Promise<void> {
    await Promise.all(this.directories.map(removeGroup));
  }
}
