import { describe, expect, test } from 'vitest';
import { ALLOWED_SYSCALLS } from './allowlist.ts';
import type { FilterArchitecture, FilterVariant } from './filter.ts';
import { buildFilter, FILTER_ARCHITECTURES } from './filter.ts';
import { ARM64_SYSCALLS } from './syscalls-arm64.ts';
import { X64_SYSCALLS } from './syscalls-x64.ts';

const TABLES = { x64: X64_SYSCALLS, arm64: ARM64_SYSCALLS };
const AUDIT = { x64: 0xc000003e, arm64: 0xc00000b7 };
const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const errno = (number: number): number => 0x00050000 | number;
const EPERM = errno(1);
const ENOSYS = errno(38);
const EAFNOSUPPORT = errno(97);

/** What the kernel does with the filter: runs classic BPF over `struct seccomp_data`. */
function interpret(filter: Buffer, call: { number: number; arch: number; args?: number[] }): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call.number >>> 0, 0);
  data.writeUInt32LE(call.arch, 4);
  for (const [index, value] of (call.args ?? []).entries()) data.writeUInt32LE(value >>> 0, 16 + 8 * index);
  let accumulator = 0;
  for (let at = 0; at < filter.length; at += 8) {
    const code = filter.readUInt16LE(at);
    const operand = filter.readUInt32LE(at + 4);
    if (code === 0x06) return operand;
    if (code === 0x20) {
      accumulator = data.readUInt32LE(operand);
      continue;
    }
    const tests: Record<number, boolean> = {
      21: accumulator === operand,
      53: accumulator >= operand,
      69: (accumulator & operand) !== 0,
    };
    const taken = tests[code];
    if (taken === undefined) throw new RangeError(`Unknown BPF instruction ${code}.`);
    at += 8 * filter.readUInt8(at + (taken ? 2 : 3));
  }
  throw new RangeError('The filter ran off its end.');
}

function decide(arch: FilterArchitecture, variant: FilterVariant, name: string, ...args: number[]): number {
  const number = TABLES[arch].get(name);
  if (number === undefined) throw new RangeError(`${arch} has no system call ${name}.`);
  return interpret(buildFilter({ arch, variant }), { number, arch: AUDIT[arch], args });
}

describe.each(FILTER_ARCHITECTURES)('on %s', (arch) => {
  test('every system call gets the decision that the lists say', () => {
    const filter = buildFilter({ arch, variant: 'default' });
    const checked = new Set(['clone', 'clone3', 'socket', 'socketpair', 'ioctl', 'personality']);
    for (const [name, number] of TABLES[arch]) {
      if (checked.has(name)) continue;
      const expected = ALLOWED_SYSCALLS.includes(name) ? ALLOW : ENOSYS;
      expect(`${name} ${interpret(filter, { number, arch: AUDIT[arch] })}`).toBe(`${name} ${expected}`);
    }
  });

  test('a system call that no table knows is refused', () => {
    const filter = buildFilter({ arch, variant: 'default' });
    for (const number of [500, 600, 5000, 0x3fffffff]) {
      expect(interpret(filter, { number, arch: AUDIT[arch] })).toBe(ENOSYS);
    }
  });

  test('a call of another architecture kills the process', () => {
    const filter = buildFilter({ arch, variant: 'default' });
    for (const foreign of [0x40000003, 0xc0000015, arch === 'x64' ? AUDIT.arm64 : AUDIT.x64]) {
      expect(interpret(filter, { number: 0, arch: foreign })).toBe(KILL);
    }
  });

  test.each([
    ['CLONE_NEWUSER', 0x10000000],
    ['CLONE_NEWNS', 0x00020000],
    ['CLONE_NEWPID', 0x20000000],
    ['CLONE_NEWNET', 0x40000000],
    ['CLONE_NEWUTS', 0x04000000],
    ['CLONE_NEWIPC', 0x08000000],
    ['CLONE_NEWCGROUP', 0x02000000],
  ])('clone with %s is refused', (_, flag) => {
    expect(decide(arch, 'default', 'clone', flag | 0x11)).toBe(EPERM);
  });

  test('threads and children can be made', () => {
    expect(decide(arch, 'default', 'clone', 0x003d0f00)).toBe(ALLOW);
    expect(decide(arch, 'default', 'clone', 0x01200011)).toBe(ALLOW);
    expect(decide(arch, 'default', 'clone3')).toBe(ENOSYS);
  });

  test.each([
    ['AF_UNIX', 1, ALLOW],
    ['AF_INET', 2, ALLOW],
    ['AF_INET6', 10, ALLOW],
    ['AF_NETLINK', 16, EAFNOSUPPORT],
    ['AF_PACKET', 17, EAFNOSUPPORT],
    ['AF_ALG', 38, EAFNOSUPPORT],
    ['AF_VSOCK', 40, EAFNOSUPPORT],
    ['AF_XDP', 44, EAFNOSUPPORT],
  ])('a socket of family %s is decided by family', (_, family, expected) => {
    expect(decide(arch, 'default', 'socket', family)).toBe(expected);
    expect(decide(arch, 'default', 'socketpair', family)).toBe(expected);
  });

  test('a program cannot type into its terminal or switch personality', () => {
    expect(decide(arch, 'default', 'ioctl', 0, 0x5412)).toBe(EPERM);
    expect(decide(arch, 'default', 'ioctl', 0, 0x541c)).toBe(EPERM);
    expect(decide(arch, 'default', 'ioctl', 0, 0x5413)).toBe(ALLOW);
    expect(decide(arch, 'default', 'personality', 0x0440000)).toBe(EPERM);
    expect(decide(arch, 'default', 'personality', 0xffffffff)).toBe(ALLOW);
    expect(decide(arch, 'default', 'personality', 0)).toBe(ALLOW);
  });

  test('without a process namespace, no other process can be given limits, cores or a priority', () => {
    for (const name of ['prlimit64', 'sched_setaffinity', 'sched_setscheduler', 'sched_setattr', 'sched_setparam']) {
      expect(decide(arch, 'landlock', name, 4711)).toBe(EPERM);
      expect(decide(arch, 'landlock', name, 0)).toBe(ALLOW);
      expect(decide(arch, 'default', name, 4711)).toBe(ALLOW);
    }
    expect(decide(arch, 'landlock', 'setpriority', 2, 0)).toBe(EPERM);
  });

  test('without a cgroup, memory that belongs to no process is refused', () => {
    expect(decide(arch, 'default', 'memfd_create')).toBe(ALLOW);
    expect(decide(arch, 'no-cgroup', 'memfd_create')).toBe(ENOSYS);
    expect(decide(arch, 'no-cgroup', 'shmget')).toBe(ENOSYS);
    expect(decide(arch, 'no-cgroup', 'socket', 2)).toBe(ALLOW);
  });

  test('without namespaces, sockets, sessions and process handles are refused', () => {
    expect(decide(arch, 'landlock', 'socket', 1)).toBe(EAFNOSUPPORT);
    expect(decide(arch, 'landlock', 'semget')).toBe(ENOSYS);
    expect(decide(arch, 'landlock', 'mq_open')).toBe(ENOSYS);
    expect(decide(arch, 'landlock', 'setsid')).toBe(EPERM);
    expect(decide(arch, 'landlock', 'setpgid')).toBe(EPERM);
    expect(decide(arch, 'landlock', 'pidfd_open')).toBe(ENOSYS);
    expect(decide(arch, 'landlock', 'pidfd_send_signal')).toBe(ENOSYS);
    expect(decide(arch, 'landlock', 'memfd_create')).toBe(ENOSYS);
  });
});

test('without namespaces, only a pair of Unix streams can be made: a datagram could reach sockets of the host', () => {
  expect(decide('x64', 'landlock', 'socketpair', 1, 0x80001)).toBe(ALLOW);
  expect(decide('x64', 'landlock', 'socketpair', 1, 2)).toBe(EAFNOSUPPORT);
  expect(decide('x64', 'landlock', 'socketpair', 1, 5)).toBe(EAFNOSUPPORT);
  expect(decide('x64', 'landlock', 'socketpair', 30, 1)).toBe(EAFNOSUPPORT);
});

test('an x32 system call kills the process', () => {
  const filter = buildFilter({ arch: 'x64', variant: 'default' });
  expect(interpret(filter, { number: 0x40000000 + 39, arch: AUDIT.x64 })).toBe(KILL);
});

test('every allowed name is a system call of Linux', () => {
  const unknown = ALLOWED_SYSCALLS.filter((name) => !X64_SYSCALLS.has(name) && !ARM64_SYSCALLS.has(name));
  expect(unknown).toEqual([]);
});
