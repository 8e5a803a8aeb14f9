import { execFile } from 'node:child_process';
import { chmod, constants, copyFile, link, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Engine, EngineRefusal } from '../../engine.ts';
import type { Toolchain } from '../../languages/language.ts';
import type { FilterArchitecture } from '../../seccomp/filter.ts';
import { buildFilter, FILTER_ARCHITECTURES } from '../../seccomp/filter.ts';
import type { SyscallTable } from '../../seccomp/syscall-table.ts';
import { ARM64_SYSCALLS } from '../../seccomp/syscalls-arm64.ts';
import { X64_SYSCALLS } from '../../seccomp/syscalls-x64.ts';
import { claimUsers } from '../bubblewrap/user-range.ts';
import { openEngineDirectory } from '../engine-directory.ts';
import { TRIAL } from '../staged-run.ts';
import { WARDEN_SOURCE } from '../warden/follow-stage.ts';
import { LandlockEngine, PERL } from './landlock-engine.ts';

export type LandlockOptions = {
  /** A directory of its own for this process; made, and removed at the end. */
  directory: string;
  toolchains: readonly Toolchain[];
  /** Offer the engine on kernels where a program could signal other processes of the runner's own user. */
  allowSharedUser: boolean;
};

const CONFINE_SOURCE = new URL('./confine.pl', import.meta.url);
const CONFINE_CALLS = ['close', 'close_range', 'openat', 'prctl', 'seccomp'];
const SYSCALLS: Record<FilterArchitecture, SyscallTable> = { x64: X64_SYSCALLS, arm64: ARM64_SYSCALLS };
const FIRST_WITH_SIGNALS = 6;

/** What programs may read and run: software, what it needs to start, and facts about the machine that are no secret. */
const READABLE = [
  ...['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'],
  ...['/etc/ld.so.cache', '/etc/alternatives', '/etc/localtime', '/etc/ssl/openssl.cnf'],
  ...['/dev/zero', '/dev/full', '/dev/random', '/dev/urandom'],
  ...['/proc/meminfo', '/proc/cpuinfo', '/proc/stat', '/proc/version'],
];

/**
 * Programs in the machine's own namespaces, confined by Landlock and a system-call filter. It works in stock containers,
 * where nothing stronger does.
 */
export async function createLandlockEngine(options: LandlockOptions): Promise<Engine | EngineRefusal> {
  const refuse = (reason: string, fix: string): EngineRefusal => ({ engine: 'landlock', reason, fix });
  const arch = FILTER_ARCHITECTURES.find((name) => name === process.arch);
  if (!arch) return refuse(`there is no system-call filter for ${process.arch}`, 'Run it on x86-64 or arm64.');
  if (!(await exists(PERL))) return refuse(`${PERL} is missing`, 'Debian and Ubuntu: apt-get install perl-base');
  const numbers = CONFINE_CALLS.map((name) => SYSCALLS[arch].get(name)).join(',');
  const abi = await askAbi(numbers);
  if (abi < 1) {
    return refuse('this kernel has no Landlock', 'It needs Linux 5.13 or newer, with landlock among its lsm= modules.');
  }
  const isRoot = process.getuid?.() === 0;
  if (abi < FIRST_WITH_SIGNALS && !isRoot && !options.allowSharedUser) {
    const reason = `programs would share the runner's user, and Landlock of this kernel (ABI ${abi}) does not hold signals`;
    return refuse(reason, 'Use Linux 6.12 or newer, run the runner as root, or pass --landlock-shared-uid.');
  }
  return open(options, { arch, abi, numbers, isRoot });
}

type Found = { arch: FilterArchitecture; abi: number; numbers: string; isRoot: boolean };

async function open(options: LandlockOptions, found: Found): Promise<Engine | EngineRefusal> {
  await using cleanup = new AsyncDisposableStack();
  const users = found.isRoot ? await claimUsers() : null;
  cleanup.defer(() => users?.release());
  const directory = await openEngineDirectory(options.directory, users !== null);
  cleanup.defer(() => rm(directory, { recursive: true, force: true }));
  const tools = `${directory}/tools`;
  await installTools(tools, found.arch);
  const { abi, numbers } = found;
  const prctl = SYSCALLS[found.arch].get('prctl') ?? 0;
  const readable = [
    ...READABLE,
    `${tools}/node`,
    ...(await settingsOf(options.toolchains)),
    ...softwareOf(options.toolchains),
  ];
  const facts = { abi, users, directory, tools, numbers, prctl, readable };
  const engine = new LandlockEngine(facts, options.toolchains, cleanup.move());
  const trial = await engine.tryOut(TRIAL);
  if (trial.reason === 'ok') return engine;
  await engine[Symbol.asyncDispose]();
  const fix = 'A seccomp profile of the container may block Landlock: those of Docker and Kubernetes allow it.';
  return { engine: 'landlock', reason: `no program can be confined: ${trial.message}`, fix };
}

async function installTools(tools: string, arch: FilterArchitecture): Promise<void> {
  await mkdir(tools);
  await chmod(tools, 0o755);
  await copyFile(WARDEN_SOURCE, `${tools}/warden.pl`);
  await copyFile(CONFINE_SOURCE, `${tools}/confine.pl`);
  await writeFile(`${tools}/filter`, buildFilter({ arch, variant: 'landlock' }));
  for (const name of ['warden.pl', 'confine.pl', 'filter']) await chmod(`${tools}/${name}`, 0o644);
  // Our own `node` may lie under a private home.
  await link(process.execPath, `${tools}/node`).catch(() =>
    copyFile(process.execPath, `${tools}/node`, constants.COPYFILE_FICLONE),
  );
}

async function askAbi(numbers: string): Promise<number> {
  try {
    const script = CONFINE_SOURCE.pathname;
    const { stdout } = await promisify(execFile)(PERL, [script, numbers, '--abi'], { env: {}, cwd: '/' });
    return Number.parseInt(stdout, 10);
  } catch {
    return 0;
  }
}

async function settingsOf(toolchains: readonly Toolchain[]): Promise<string[]> {
  const wanted = toolchains.flatMap(({ language }) => language.settings ?? []);
  const found = await Promise.all(
    wanted.map(async (path) => {
      if (!path.endsWith('*')) return [path];
      const parent = dirname(path);
      const names = await readdir(parent).catch(() => []);
      return names.map((name) => `${parent}/${name}`).filter((full) => full.startsWith(path.slice(0, -1)));
    }),
  );
  return found.flat();
}

function softwareOf(toolchains: readonly Toolchain[]): string[] {
  return toolchains.flatMap(({ program }) => /^\/opt\/[^/]+/.exec(program)?.[0] ?? []);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
