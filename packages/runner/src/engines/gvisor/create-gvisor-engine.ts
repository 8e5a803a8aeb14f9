import { execFile } from 'node:child_process';
import { copyFile, mkdir, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { ControlGroups } from '../../cgroup/control-group.ts';
import type { Engine, EngineRefusal } from '../../engine.ts';
import type { Toolchain } from '../../languages/language.ts';
import { buildRootTree } from '../bubblewrap/root-tree.ts';
import { claimUsers } from '../bubblewrap/user-range.ts';
import { openEngineDirectory } from '../engine-directory.ts';
import { TRIAL } from '../staged-run.ts';
import { WARDEN_SOURCE } from '../warden/follow-stage.ts';
import { WARDEN } from './bundle.ts';
import { GvisorEngine } from './gvisor-engine.ts';

export type GvisorOptions = {
  /** A directory of its own for this process; made, and removed at the end. */
  directory: string;
  toolchains: readonly Toolchain[];
  groups: ControlGroups | null;
  /** Why there are no control groups, when there are none. */
  groupsReason: string;
};

const PROGRAMS = ['/usr/bin/runsc', '/usr/local/bin/runsc'];
const PERL = '/usr/bin/perl';
/**
 * Rootless in any case: when the runner is root, each sandbox gets a host user of its own instead. No network but the
 * sandbox's own loopback. Limits are those of the group that it is started in.
 */
const FLAGS = ['--rootless', '--network=none', '--ignore-cgroups', '--host-uds=none'];
/**
 * Programs on a kernel of their own: gVisor, started directly. Needs control groups, since gVisor itself holds a
 * sandbox to no amount of memory.
 */
export async function createGvisorEngine(options: GvisorOptions): Promise<Engine | EngineRefusal> {
  const refuse = (reason: string, fix: string): EngineRefusal => ({ engine: 'gvisor', reason, fix });
  const runsc = await firstThatExists(PROGRAMS);
  if (runsc === undefined) return refuse('gVisor (runsc) is not installed', 'Debian: apt-get install runsc');
  if (!(await firstThatExists([PERL]))) return refuse(`${PERL} is missing`, 'Debian: apt-get install perl-base');
  if (!options.groups) {
    const fix = 'Run the runner as root, or delegate it a control group with memory, pids and cpu.';
    return refuse(`memory cannot be held without control groups: ${options.groupsReason}`, fix);
  }
  const { stdout } = await promisify(execFile)(runsc, ['--version'], { env: {}, cwd: '/' });
  const version = /version (\S+)/.exec(stdout)?.[1] ?? 'unknown';
  await using cleanup = new AsyncDisposableStack();
  const users = process.getuid?.() === 0 ? await claimUsers() : null;
  cleanup.defer(() => users?.release());
  const directory = await openEngineDirectory(options.directory, users !== null);
  cleanup.defer(() => rm(directory, { recursive: true, force: true }));
  const root = await buildRootTree(`${directory}/root`, options.toolchains);
  await mkdir(dirname(root.directory + WARDEN), { recursive: true });
  await copyFile(WARDEN_SOURCE, root.directory + WARDEN);
  const machine = { runsc, groups: options.groups, flags: FLAGS };
  const engine = new GvisorEngine({ machine, root, users, directory, version }, options.toolchains, cleanup.move());
  const trial = await engine.runStage(TRIAL, new AbortController().signal);
  if (trial.reason === 'ok') return engine;
  await engine[Symbol.asyncDispose]();
  return refuse(`no sandbox can be made: ${trial.message}`, 'It needs user namespaces; see gvisor.dev for the rest.');
}

async function firstThatExists(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const found = await stat(path).then(
      () => path,
      () => undefined,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}
