import { existsSync } from 'node:fs';
import type { RunLimits } from '@assay/contract/runner';
import type { ControlGroups } from '../../cgroup/control-group.ts';
import { NODE_TYPESCRIPT } from '../../languages/catalogue.ts';
import type { Toolchain } from '../../languages/language.ts';
import type { Nursery } from './nursery.ts';
import type { RootTree } from './root-tree.ts';
import { BOX_LOADERS, BOX_NODE } from './root-tree.ts';

/**
 * What a box is started as. `any` waits to become whatever program it is told; the others are interpreters that
 * wait for their main program.
 */
export const BOX_KINDS = ['any', 'python', 'javascript', 'typescript'] as const;
export type BoxKind = (typeof BOX_KINDS)[number];

/** Limits that are fixed when a box starts, before its run is known: they belong to its mounts and processes. */
export type BoxShape = {
  diskMb: number;
  fileSizeMb: number;
  openFiles: number;
  /** Only without cgroups, where each process is limited by itself. */
  perProcess: { memoryMb: number; processes: number; cpuSeconds: number } | null;
};

/** Everything that differs between machines and not between boxes. */
export type BoxMachine = {
  bwrap: string;
  root: RootTree;
  /** A Perl to unpack parcels with; without one, Node does it. */
  perl: string | undefined;
  python: Toolchain | undefined;
  /** Where interpreters are forked; null where they are started in each box. */
  nursery: Nursery | null;
};

const SHARED_MEMORY_BYTES = 16 << 20;
const MB = 1 << 20;
/** Parts of /proc that tell about the machine and that no program in a box needs. */
const MASKED = ['/proc/cmdline', '/proc/config.gz', '/proc/keys'].filter((path) => existsSync(path));

const NAMESPACES = [
  ...['--unshare-user', '--uid', '65534', '--gid', '65534', '--disable-userns'],
  ...['--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts', '--unshare-cgroup-try'],
  ...['--hostname', 'box', '--die-with-parent', '--new-session', '--cap-drop', 'ALL', '--clearenv'],
];

/** What every program finds set. */
export const BOX_ENVIRONMENT = {
  PATH: '/usr/local/bin:/usr/bin:/bin:/opt/node/bin',
  HOME: '/tmp',
  TMPDIR: '/tmp',
  LANG: 'C.UTF-8',
};

/**
 * Arguments of bubblewrap for one box. `/` and `/dev` must end up read-only: they are memory of the machine, and a
 * program could fill them past every limit.
 */
export function bwrapArguments(machine: BoxMachine, kind: BoxKind, shape: BoxShape): string[] {
  const environment =
    kind === 'python' ? { ...BOX_ENVIRONMENT, PYTHONUSERBASE: `${BOX_LOADERS}/python` } : BOX_ENVIRONMENT;
  const disk = String(shape.diskMb * MB);
  return [
    ...NAMESPACES,
    ...Object.entries(environment).flatMap(([name, value]) => ['--setenv', name, value]),
    ...['--ro-bind', machine.root.directory, '/'],
    ...machine.root.mounts.flatMap(([from, to]) => ['--ro-bind', from, to]),
    ...['--proc', '/proc'],
    ...MASKED.flatMap((path) => ['--ro-bind', '/dev/null', path]),
    ...['--dev', '/dev', '--perms', '1777', '--size', String(SHARED_MEMORY_BYTES), '--tmpfs', '/dev/shm'],
    ...['--remount-ro', '/dev'],
    ...['--perms', '1777', '--size', disk, '--tmpfs', '/tmp', '--size', disk, '--tmpfs', '/work'],
    ...['--chdir', '/work'],
  ];
}

/** Keeps a box while an interpreter joins it and runs: says that the box is built, and then waits for nothing. */
export const PLACEHOLDER = ['/bin/sh', '-c', 'echo built >&6; exec 3>&- 6>&-; read -r forever <&8'];

/** The program that a box of this kind starts with. */
export function loaderCommand(machine: BoxMachine, kind: BoxKind): string[] {
  const preload = ['-r', `${BOX_LOADERS}/node-loader.cjs`];
  switch (kind) {
    case 'python':
      return [machine.python?.program ?? '/usr/bin/python3', '/work/main.py'];
    case 'javascript':
      return [BOX_NODE, ...preload, '/work/main.js'];
    case 'typescript':
      return [BOX_NODE, ...NODE_TYPESCRIPT, ...preload, '/work/main.ts'];
    case 'any':
      return machine.perl === undefined
        ? [BOX_NODE, `${BOX_LOADERS}/exec-loader.cjs`]
        : [machine.perl, `${BOX_LOADERS}/loader.pl`];
  }
}

/** Variables that an interpreter reads when it starts: a run that sets one cannot have a pre-started interpreter. */
const START_VARIABLES = /^(LD_|GLIBC_|MALLOC_|LANG|LC_|TZ$|PYTHON|NODE_|UV_|OPENSSL_|SSL_|ICU_)/;

const KIND_BY_LANGUAGE: Readonly<Record<string, BoxKind>> = {
  python: 'python',
  javascript: 'javascript',
  typescript: 'typescript',
};

/** The kind of box that gives a run of this language the quickest start without a difference it could notice. */
export function boxKindFor({ language, version }: Toolchain, env: Readonly<Record<string, string>>): BoxKind {
  if (Object.keys(env).some((name) => START_VARIABLES.test(name))) return 'any';
  if (language.name === 'python' && !knowsItsLibrary(version)) return 'any';
  return KIND_BY_LANGUAGE[language.name] ?? 'any';
}

/** The Python loader asks for the names of the standard library, which Python tells since 3.10. */
function knowsItsLibrary(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 3 || (major === 3 && minor >= 10);
}

/** The fixed limits of a box for a run with these limits. */
export function boxShape(limits: RunLimits, groups: ControlGroups | null, reservedMb = 0): BoxShape {
  const { disk_mb: diskMb, file_size_mb: fileSizeMb, open_files: openFiles } = limits;
  if (groups) return { diskMb, fileSizeMb, openFiles, perProcess: null };
  // Bubblewrap's own process counts as well. Whole seconds are all there is; the exact limit is looked after elsewhere.
  const perProcess = {
    memoryMb: limits.memory_mb + reservedMb,
    processes: limits.processes + 1,
    cpuSeconds: Math.ceil(limits.cpu_ms / 1000) + 1,
  };
  return { diskMb, fileSizeMb, openFiles, perProcess };
}

/** Shell commands that set the limits of a process for good. Sizes are in the units of POSIX `ulimit`. */
export function shellLimits({ fileSizeMb, openFiles, perProcess }: BoxShape): string[] {
  const common = ['ulimit -c 0', `ulimit -f ${fileSizeMb * 2048}`, `ulimit -n ${openFiles}`];
  // With cgroups, a stack of 64 MB is only address space. Without them it counts as data, and threads fail to start.
  if (perProcess === null) return [...common, 'ulimit -s 65536'];
  const { memoryMb, processes, cpuSeconds } = perProcess;
  return [
    ...common,
    'ulimit -H -s 65536',
    'ulimit -S -s 8192',
    `ulimit -d ${memoryMb * 1024}`,
    `ulimit -t ${cpuSeconds}`,
    // dash calls the number of processes -p, where bash means the size of pipes.
    `{ ulimit -u ${processes} 2>&- || ulimit -p ${processes}; }`,
  ];
}
