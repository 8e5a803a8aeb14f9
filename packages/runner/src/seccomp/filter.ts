import { ALLOWED_SYSCALLS } from './allowlist.ts';
import { Assembler } from './assembler.ts';
import type { SyscallTable } from './syscall-table.ts';
import { ARM64_SYSCALLS } from './syscalls-arm64.ts';
import { X64_SYSCALLS } from './syscalls-x64.ts';

/** Architectures a filter can be built for, in Node's words. */
export const FILTER_ARCHITECTURES = ['x64', 'arm64'] as const;
export type FilterArchitecture = (typeof FILTER_ARCHITECTURES)[number];

/**
 * `default`: inside namespaces, memory accounted by a cgroup. `no-cgroup`: memory limited per process, so memory
 * that belongs to no process is refused. `landlock`: no namespaces, so the network, sessions and process handles
 * are refused too.
 */
export type FilterVariant = 'default' | 'no-cgroup' | 'landlock';

const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;
const fail = (errno: number): number => 0x00050000 | errno;

const AUDIT_ARCHITECTURE = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;
const SYSCALLS: Record<FilterArchitecture, SyscallTable> = { x64: X64_SYSCALLS, arm64: ARM64_SYSCALLS };
/** On x86-64, system calls of the x32 ABI carry this bit, and would pass a comparison by number. */
const X32_BIT = 0x40000000;

/** Offsets into `struct seccomp_data`; only the low half of an argument matters to the calls checked here. */
const NUMBER = 0;
const ARCHITECTURE = 4;
const argument = (index: number): number => 16 + 8 * index;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const NAMESPACE_FLAGS = 0x7e020000;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
/** SOCK_STREAM, alone and with SOCK_NONBLOCK, SOCK_CLOEXEC or both. */
const STREAM_TYPES = [0x1, 0x801, 0x80001, 0x80801];
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const PER_LINUX = 0;
const ADDR_NO_RANDOMIZE = 0x0040000;
const QUERY_PERSONALITY = 0xffffffff;

/** Emits the decision about one system call. */
type Decision = (program: Assembler) => void;

const allow: Decision = (program) => void program.return(ALLOW);
const refuse =
  (errno: number): Decision =>
  (program) =>
    void program.return(fail(errno));

/** Compares the low word of an argument with a few values: `matched` for one of them, `otherwise` for the rest. */
function oneOf(index: number, values: readonly number[], matched: number, otherwise: number): Decision {
  return (program) => {
    const hit = program.freshLabel();
    program.load(argument(index));
    for (const value of values) {
      const next = program.freshLabel();
      program.jump('EQUAL', value, hit, next).label(next);
    }
    program.return(otherwise).label(hit).return(matched);
  };
}

const noNamespaces: Decision = (program) => {
  const hit = program.freshLabel();
  const miss = program.freshLabel();
  program.load(argument(0)).jump('HAS_BITS', NAMESPACE_FLAGS, hit, miss);
  program.label(hit).return(fail(EPERM)).label(miss).return(ALLOW);
};

/** No namespace covers AF_VSOCK, the channel to the hypervisor, so families are listed rather than excluded. */
const ordinarySockets = oneOf(0, [AF_UNIX, AF_INET, AF_INET6], ALLOW, fail(EAFNOSUPPORT));

/** A pair of datagram sockets could still send to any Unix socket of the host by name; a pair of streams cannot. */
const streamPairs: Decision = (program) => {
  const unix = program.freshLabel();
  const other = program.freshLabel();
  program.load(argument(0)).jump('EQUAL', AF_UNIX, unix, other).label(other).return(fail(EAFNOSUPPORT)).label(unix);
  oneOf(1, STREAM_TYPES, ALLOW, fail(EAFNOSUPPORT))(program);
};

const CHECKED: Readonly<Record<string, Decision>> = {
  clone: noNamespaces,
  // Its flags are behind a pointer, which a filter cannot follow. glibc, Go and the JVM fall back to clone.
  clone3: refuse(ENOSYS),
  socket: ordinarySockets,
  socketpair: ordinarySockets,
  ioctl: oneOf(1, [TIOCSTI, TIOCLINUX], fail(EPERM), ALLOW),
  personality: oneOf(0, [PER_LINUX, QUERY_PERSONALITY, ADDR_NO_RANDOMIZE], ALLOW, fail(EPERM)),
};

const UNACCOUNTED_MEMORY = { memfd_create: refuse(ENOSYS), shmget: refuse(ENOSYS) };

/** System V and POSIX message queues, semaphores and memory are shared by all programs of an IPC namespace. */
const SHARED_IPC = Object.fromEntries(
  ['shmat', 'shmctl', 'semget', 'semop', 'semctl', 'semtimedop', 'msgget', 'msgsnd', 'msgrcv', 'msgctl']
    .concat('mq_open', 'mq_unlink')
    .map((name) => [name, refuse(ENOSYS)]),
);

/** These take the id of any process of the same user, which may be the runner itself: its limits, cores and priority. */
const OWN_PROCESS_ONLY = {
  ...Object.fromEntries(
    ['prlimit64', 'sched_setaffinity', 'sched_setattr', 'sched_setparam', 'sched_setscheduler'].map((name) => [
      name,
      oneOf(0, [0], ALLOW, fail(EPERM)),
    ]),
  ),
  setpriority: refuse(EPERM),
};

const BY_VARIANT: Record<FilterVariant, Readonly<Record<string, Decision>>> = {
  default: {},
  'no-cgroup': UNACCOUNTED_MEMORY,
  landlock: {
    ...UNACCOUNTED_MEMORY,
    ...SHARED_IPC,
    ...OWN_PROCESS_ONLY,
    socket: refuse(EAFNOSUPPORT),
    socketpair: streamPairs,
    // A process that left the process group would outlive the kill of that group.
    setsid: refuse(EPERM),
    setpgid: refuse(EPERM),
    pidfd_open: refuse(ENOSYS),
    pidfd_send_signal: refuse(ENOSYS),
  },
};

/**
 * The system-call filter as `struct sock_filter[]`, for `bwrap --seccomp FD` or `seccomp(2)`.
 * What is not allowed fails with ENOSYS, so programs take their fallback; foreign ABIs kill the process.
 */
export function buildFilter(options: { arch: FilterArchitecture; variant: FilterVariant }): Buffer {
  const program = new Assembler();
  program.load(ARCHITECTURE).jump('EQUAL', AUDIT_ARCHITECTURE[options.arch], 'native', 'foreign');
  program.label('foreign').return(KILL_PROCESS).label('native').load(NUMBER);
  if (options.arch === 'x64') {
    program.jump('AT_LEAST', X32_BIT, 'x32', 'x86-64').label('x32').return(KILL_PROCESS).label('x86-64');
  }
  const decisions: Record<string, Decision> = { ...CHECKED, ...BY_VARIANT[options.variant] };
  search(program, rangesOf(decisions, SYSCALLS[options.arch]));
  return program.bytes();
}

/** A run of neighbouring numbers, from `first` up to the next range, with one decision. */
type Range = { first: number; decision: Decision };

function rangesOf(decisions: Readonly<Record<string, Decision>>, table: SyscallTable): Range[] {
  const byNumber = new Map<number, Decision>();
  for (const name of ALLOWED_SYSCALLS) setDecision(byNumber, table, name, allow);
  for (const [name, decision] of Object.entries(decisions)) setDecision(byNumber, table, name, decision);
  const unknown = refuse(ENOSYS);
  const ranges: Range[] = [];
  const last = Math.max(...byNumber.keys());
  for (let number = 0; number <= last + 1; number += 1) {
    const decision = byNumber.get(number) ?? unknown;
    if (ranges.at(-1)?.decision !== decision) ranges.push({ first: number, decision });
  }
  return ranges;
}

/** Calls that an architecture does not have (`open` on arm64) have no number there and need no decision. */
function setDecision(into: Map<number, Decision>, table: SyscallTable, name: string, decision: Decision): void {
  const number = table.get(name);
  if (number !== undefined) into.set(number, decision);
}

/** A binary search over the ranges: about eight comparisons for any system call. */
function search(program: Assembler, ranges: readonly Range[]): void {
  const [only] = ranges;
  if (ranges.length === 1 && only) {
    only.decision(program);
    return;
  }
  const half = ranges.length >> 1;
  const upper = program.freshLabel();
  const lower = program.freshLabel();
  program.jump('AT_LEAST', ranges[half]?.first ?? 0, upper, lower);
  program.label(lower);
  search(program, ranges.slice(0, half));
  program.label(upper);
  search(program, ranges.slice(half));
}
