import { execFile } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { RunLimits } from '@assay/contract/runner';
import type { ControlGroup, ControlGroups, GroupLimits } from '../../cgroup/control-group.ts';
import { Box } from './box.ts';
import type { BoxKind, BoxMachine, BoxShape } from './box-plan.ts';
import { bwrapArguments, loaderCommand, PLACEHOLDER, shellLimits } from './box-plan.ts';
import type { Nursery } from './nursery.ts';
import { Porter, shellQuote } from './porter.ts';
import { waitUntilGone } from './process-tree.ts';

const PIPES = ['out', 'err', 'parcel', 'hold'];

/** Porter, bubblewrap and the box's first process live in the group beside the program. */
const OWN_PROCESSES = 3;

/** What a box may use while it starts; its run's own limits come with the run. */
const START_LIMITS: GroupLimits = { memoryMb: 512, processes: 128 + OWN_PROCESSES, cpus: 1 };

const LEAST_TO_START: GroupLimits = { memoryMb: 128, processes: 16 + OWN_PROCESSES, cpus: 1 };

/** Callers choose limits, so there is no end to shapes. */
const MOST_KNOWN_STARTS = 100;

/** Descriptors as the box's first programs find them; 5 and 7 are gone before the loader starts, 3 and 6 after. */
const DESCRIPTORS = '<in >out 2>err 3<>parcel 5<args 7<../filter';

/** Whether somebody waits for a box. */
export type LaunchTime = 'ahead' | 'at once';

export type BerthOptions = {
  /** Unique among the berths of this process. */
  name: string;
  directory: string;
  /** The host user of this berth's boxes; undefined: the one this process runs as. */
  uid: number | undefined;
  groups: ControlGroups | null;
  machine: BoxMachine;
};

/** A place for one box at a time: a host user, a porter, pipes, and for each box a fresh cgroup made ahead. */
export class Berth {
  readonly uid: number | undefined;
  readonly #options: BerthOptions;
  #porter: Porter;
  #group: ControlGroup | null = null;
  #limits = START_LIMITS;
  #used: ControlGroup[] = [];
  #generation = 0;
  #lastArguments = '';
  #box: Box | undefined;

  private constructor(options: BerthOptions) {
    this.uid = options.uid;
    this.#options = options;
    this.#porter = new Porter(options);
  }

  /** Opens berths together: one call of mkfifo serves them all. */
  static async openAll(all: readonly BerthOptions[]): Promise<Berth[]> {
    for (const { directory } of all) {
      mkdirSync(directory, { recursive: true });
      chmodSync(directory, 0o711);
      writeFileSync(`${directory}/in`, '', { mode: 0o644 });
    }
    const pipes = all.flatMap(({ directory }) => PIPES.map((name) => `${directory}/${name}`));
    await promisify(execFile)('mkfifo', ['-m', '600', ...pipes]);
    for (const { directory, uid } of all) {
      if (uid !== undefined) for (const name of PIPES) chownSync(`${directory}/${name}`, uid, uid);
    }
    const berths = all.map((options) => new Berth(options));
    await Promise.all(berths.map((berth) => berth.renew()));
    return berths;
  }

  /** The group of the current box; null when this machine lets us make none. */
  get group(): ControlGroup | null {
    return this.#group;
  }

  /**
   * Starts a box. The last one must be gone, see `renew`. An interpreter from the nursery costs less of the CPU and
   * comes later, as its process waits for the kernel to move it into the group: that is for boxes that nobody waits for.
   */
  launch(kind: BoxKind, shape: BoxShape, when: LaunchTime): Box {
    const { directory, machine } = this.#options;
    const nursery = kind === 'python' && when === 'ahead' ? machine.nursery : null;
    const start = startOf(machine, kind, shape, nursery !== null);
    this.#writeArguments(start.args);
    const box = new Box({ kind, shape, directory, abandon: () => this.#abandon() });
    this.#porter.command(start.line, (line) => {
      if (line === 'built' && nursery) this.#fill(box, nursery);
      else box.report(line);
    });
    this.#box = box;
    return box;
  }

  /** Brings an interpreter into a box that is built. */
  #fill(box: Box, nursery: Nursery): void {
    nursery.order({
      initPid: box.initPid,
      directory: this.#options.directory,
      shape: box.shape,
      groups: this.#group?.directories ?? [],
      onReport: (report) => box.report(report),
    });
  }

  /** Makes the berth ready for its next box, once the last one has no process left. May be tried again when it fails. */
  async renew(): Promise<void> {
    if (this.#box) await this.#clearAway(this.#box);
    this.#box = undefined;
    const { groups, name } = this.#options;
    const wasAlive = this.#porter.alive;
    if (!wasAlive) this.#porter = new Porter(this.#options);
    if (!groups || (wasAlive && (await this.#recycle()))) return;
    if (this.#group) this.#used.push(this.#group);
    this.#group = groups.create(`${name}-${this.#generation++}`);
    this.#limit(START_LIMITS);
    if (this.#porter.pid !== undefined) await this.#group.attach(this.#porter.pid);
    await this.#removeUsed();
  }

  /** Holds the box to its run's limits. False when it already uses more memory than that. */
  hold({ memory_mb, processes, cpus }: RunLimits): boolean {
    try {
      this.#limit({ memoryMb: memory_mb, processes: processes + OWN_PROCESSES, cpus });
      return true;
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    this.#box?.kill();
    await this.#porter.close();
    await this.#box?.ended;
    if (this.#group) this.#used.push(this.#group);
    this.#group = null;
    await this.#removeUsed();
    await rm(this.#options.directory, { recursive: true, force: true });
  }

  #limit(limits: GroupLimits): void {
    this.#group?.limit(limits);
    this.#limits = limits;
  }

  /** Keeps the group if only the porter is in it and nothing is charged to it. */
  async #recycle(): Promise<boolean> {
    if (!(await this.#group?.recycle(1))) return false;
    // The last run's limits are likely to be the next one's, and are kept unless a box could not start with them.
    const { memoryMb, processes, cpus } = this.#limits;
    const enough = memoryMb >= LEAST_TO_START.memoryMb && processes >= LEAST_TO_START.processes;
    if (!enough || cpus < LEAST_TO_START.cpus) this.#limit(START_LIMITS);
    return true;
  }

  async #clearAway(box: Box): Promise<void> {
    box.kill();
    await box.ended;
    if (!this.#options.groups) await waitUntilGone(box);
    truncateSync(`${this.#options.directory}/in`);
  }

  /** A group can be removed when it is empty, which is the proof that no process of the last run is left. */
  async #removeUsed(): Promise<void> {
    for (const group of [...this.#used]) {
      await group.remove();
      this.#used.splice(this.#used.indexOf(group), 1);
    }
  }

  /** Ends a box that did not come up far enough to be killed by its first process. */
  #abandon(): void {
    this.#group?.killAll();
    void this.#porter.close();
  }

  #writeArguments(args: string): void {
    if (args === this.#lastArguments) return;
    writeFileSync(`${this.#options.directory}/args`, args, { mode: 0o644 });
    this.#lastArguments = args;
  }
}

/** What starts a box: bubblewrap's arguments, for its descriptor 5, and the porter's line. */
type Start = { args: string; line: string };

/** Most boxes are like one before; building their arguments anew takes longer than handing them over. */
const known = new WeakMap<BoxMachine, Map<string, Start>>();

function startOf(machine: BoxMachine, kind: BoxKind, shape: BoxShape, joined: boolean): Start {
  const starts = known.get(machine) ?? new Map<string, Start>();
  known.set(machine, starts);
  const name = JSON.stringify([kind, shape, joined]);
  const start = starts.get(name) ?? buildStart(machine, kind, shape, joined);
  if (starts.size >= MOST_KNOWN_STARTS) starts.clear();
  starts.set(name, start);
  return start;
}

function buildStart(machine: BoxMachine, kind: BoxKind, shape: BoxShape, joined: boolean): Start {
  const bwrap = [machine.bwrap, '--args', '5', '--json-status-fd', '4', '--seccomp', '7', '--'];
  const first = joined ? PLACEHOLDER : loaderCommand(machine, kind);
  const command = [...bwrap, ...first].map(shellQuote).join(' ');
  const descriptors = joined ? `${DESCRIPTORS} 8<>hold` : DESCRIPTORS;
  const steps = [...shellLimits(shape), `exec ${command} 4>&1 6>&1 ${descriptors}`].join(' && ');
  const args = `${bwrapArguments(machine, kind, shape).join('\0')}\0`;
  return { args, line: `{ ${steps} || echo refused; } &` };
}
