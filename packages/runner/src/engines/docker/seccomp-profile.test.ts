import { expect, test } from 'vitest';
import { seccompProfile } from './seccomp-profile.ts';

const { syscalls, defaultAction } = seccompProfile();
const allowedAlways = syscalls
  .filter((rule) => rule.action === 'SCMP_ACT_ALLOW' && !rule.args)
  .flatMap((rule) => rule.names);
const refused = syscalls.filter((rule) => rule.action === 'SCMP_ACT_ERRNO').flatMap((rule) => rule.names);

test('what the profile does not list is refused', () => {
  expect(defaultAction).toBe('SCMP_ACT_ERRNO');
});

test('calls that make namespaces, mounts or look into other processes are never allowed', () => {
  for (const name of [
    'unshare',
    'setns',
    'mount',
    'pivot_root',
    'ptrace',
    'process_vm_readv',
    'bpf',
    'io_uring_setup',
  ]) {
    expect(allowedAlways).not.toContain(name);
    expect(refused).toContain(name);
  }
});

test('clone is allowed without new namespaces only, and clone3 fails so that programs fall back to it', () => {
  const clone = syscalls.filter((rule) => rule.names.includes('clone'));
  expect(clone.map((rule) => rule.args)).toEqual([
    [{ index: 0, value: 0x7e020000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
  ]);
  expect(syscalls.find((rule) => rule.names.includes('clone3'))?.errnoRet).toBe(38);
});

test('sockets are of the Unix and Internet families only', () => {
  const families = syscalls.filter((rule) => rule.names.includes('socket')).map((rule) => rule.args?.[0]?.value);
  expect(families).toEqual([1, 2, 10]);
});

test('no call is both allowed and refused', () => {
  expect(refused.filter((name) => allowedAlways.includes(name))).toEqual([]);
});
