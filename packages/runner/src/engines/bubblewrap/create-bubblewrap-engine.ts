import { execFile } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { RunLimits } from '@assay/contract/runner';
import type { ControlGroups } from '../../cgroup/control-group.ts';
import type { Engine, EngineRefusal } from '../../engine.ts';
import type { Toolchain } from '../../languages/language.ts';
import type { FilterArchitecture } from '../../seccomp/filter.ts';
import { buildFilter, FILTER_ARCHITECTURES } from '../../seccomp/filter.ts';
import { openEngineDirectory } from '../engine-directory.ts';
import { Berth } from './berth.ts';
import type { BoxPlan } from './box-house.ts';
import { BoxHouse } from './box-house.ts';
import type { BoxMachine } from './box-plan.ts';
import { boxKindFor, boxShape } from './box-plan.ts';
import { BubblewrapEngine } from './bubblewrap-engine.ts';
import { Nursery } from './nursery.ts';
import { explainFailure } from './refusals.ts';
import { buildRootTree } from './root-tree.ts';
import type { UserRange } from './user-range.ts';
import { claimUsers } from './user-range.ts';

export type BubblewrapOptions = {
  /** A directory of its own for this process; made, and removed at the end. */
  directory: string;
  toolchains: readonly Toolchain[];
  /** Null: bubblewrap without cgroups. */
  groups: ControlGroups | null;
  slots: number;
  /** How many boxes to keep started ahead. */
  warm: number;
  /** Told of what is wrong and mends itself. */
  onTrouble: (error: unknown) => void;
};

/** Where Debian and its like put it; never looked for on a path that others may set. */
const PROGRAMS = ['/usr/bin/bwrap', '/usr/local/bin/bwrap'];
/** Options that boxes need and that bubblewrap has had since 0.8. */
const NEEDED_OPTIONS = ['--disable-userns', '--size', '--json-status-fd'];
/** Limits of most runs: what the control plane asks for when its caller says nothing. Boxes are started for these. */
const USUAL_LIMITS: RunLimits = {
  wall_ms: 30_000,
  cpu_ms: 30_000,
  memory_mb: 512,
  processes: 128,
  cpus: 1,
  output_bytes: 8 << 20,
  file_size_mb: 64,
  disk_mb: 64,
  open_files: 256,
};

/** Finds bubblewrap and makes one box with it. The engine has then to pass the self-attack before it is offered. */
export async function createBubblewrapEngine(options: BubblewrapOptions): Promise<Engine | EngineRefusal> {
  const refuse = (reason: string, fix: string): EngineRefusal => ({ engine: 'bubblewrap', reason, fix });
  const bwrap = PROGRAMS.find((path) => statSync(path, { throwIfNoEntry: false }));
  if (bwrap === undefined)
    return refuse('bubblewrap is not installed', 'Debian and Ubuntu: apt-get install bubblewrap');
  const arch = FILTER_ARCHITECTURES.find((name) => name === process.arch);
  if (!arch) return refuse(`there is no system-call filter for ${process.arch}`, 'Run it on x86-64 or arm64.');
  const version = await findVersion(bwrap);
  if (version === undefined) return refuse(`${bwrap} is older than 0.8`, 'Install bubblewrap 0.8 or newer.');
  const users = process.getuid?.() === 0 ? await claimUsers() : undefined;
  return open(options, { bwrap, arch, version, users });
}

type Found = { bwrap: string; arch: FilterArchitecture; version: string; users: UserRange | undefined };

async function open(options: BubblewrapOptions, found: Found): Promise<Engine | EngineRefusal> {
  const { groups, toolchains } = options;
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => found.users?.release());
  const directory = await openEngineDirectory(options.directory, found.users !== undefined);
  cleanup.defer(() => rm(directory, { recursive: true, force: true }));
  const filter = buildFilter({ arch: found.arch, variant: groups ? 'default' : 'no-cgroup' });
  writeFileSync(`${directory}/filter`, filter, { mode: 0o644 });
  const machine: BoxMachine = {
    bwrap: found.bwrap,
    root: await buildRootTree(`${directory}/root`, toolchains),
    perl: statSync('/usr/bin/perl', { throwIfNoEntry: false }) ? '/usr/bin/perl' : undefined,
    python: toolchains.find(({ language }) => language.name === 'python'),
    nursery: null,
  };
  if (options.warm > 0 && canFork(machine.python) && found.users && groups) {
    const python = machine.python.program;
    machine.nursery = cleanup.use(new Nursery({ python, root: machine.root, filter: `${directory}/filter` }));
  }
  const house = cleanup.use(await openHouse(options, { machine, directory, base: found.users?.base }));
  const failure = await house.tryOut(anyPlan(groups));
  if (failure !== undefined) return explainFailure(failure);
  await tryNursery(options, machine, house);
  if (options.warm > 0) house.warmUp();
  const facts = { version: found.version, perRunUser: found.users !== undefined, groups, missing: missing(options) };
  return new BubblewrapEngine(facts, toolchains, house, cleanup.move());
}

/** Joining a box needs Linux 5.8 and a Python with `ctypes`. Without, interpreters are started in their boxes. */
async function tryNursery(options: BubblewrapOptions, machine: BoxMachine, house: BoxHouse): Promise<void> {
  if (!machine.nursery) return;
  const failure = await house.tryOut({ kind: 'python', shape: boxShape(USUAL_LIMITS, options.groups) }, 'ahead');
  if (failure === undefined) return;
  machine.nursery = null;
  options.onTrouble(new Error(`Python cannot be forked into boxes here, and starts in each: ${failure}`));
}

/**
 * An interpreter that was forked outside its box runs the machine's own file of Python, where one that starts inside
 * sees it read-only. So it must be a file that no user of a box could write.
 */
function canFork(python: Toolchain | undefined): python is Toolchain {
  if (!python || boxKindFor(python, {}) !== 'python') return false;
  const { uid, mode } = statSync(python.program);
  return uid === 0 && (mode & 0o022) === 0;
}

async function openHouse(
  options: BubblewrapOptions,
  { machine, directory, base }: { machine: BoxMachine; directory: string; base: number | undefined },
): Promise<BoxHouse> {
  const { groups, slots, warm, toolchains, onTrouble } = options;
  // For each slot one box that runs and one that is being cleared away, and those kept started.
  const names = Array.from({ length: 2 * slots + warm }, (_, index) => String(index + 1));
  const berths = await Berth.openAll(
    names.map((name, index) => ({
      name,
      directory: `${directory}/${name}`,
      uid: base === undefined ? undefined : base + 1 + index,
      groups,
      machine,
    })),
  );
  return new BoxHouse({ berths, atRest: plansAtRest(toolchains, groups), slots, warm, onTrouble });
}

function plansAtRest(toolchains: readonly Toolchain[], groups: ControlGroups | null): BoxPlan[] {
  const interpreters = toolchains.flatMap((toolchain) => {
    const kind = boxKindFor(toolchain, {});
    if (kind !== 'python' && kind !== 'javascript') return [];
    return [{ kind, shape: boxShape(USUAL_LIMITS, groups, toolchain.language.reservedMb) }];
  });
  return [anyPlan(groups), ...interpreters];
}

const anyPlan = (groups: ControlGroups | null): BoxPlan => ({ kind: 'any', shape: boxShape(USUAL_LIMITS, groups) });

function missing({ groups }: BubblewrapOptions): string[] {
  const shared = process.getuid?.() === 0 ? [] : ['All runs share the host user of the runner.'];
  if (groups) return shared;
  return [
    'Memory and CPU totals are approximate, and cores are not limited: this runner may not make cgroups.',
    ...shared,
  ];
}

async function findVersion(bwrap: string): Promise<string | undefined> {
  const ask = async (option: string) => (await promisify(execFile)(bwrap, [option], { env: {}, cwd: '/' })).stdout;
  const [version, help] = await Promise.all([ask('--version'), ask('--help')]);
  return NEEDED_OPTIONS.every((option) => help.includes(option)) ? /[\d.]+/.exec(version)?.[0] : undefined;
}
