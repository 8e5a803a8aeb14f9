import { ALLOWED_SYSCALLS } from '../../seccomp/allowlist.ts';
import { ARM64_SYSCALLS } from '../../seccomp/syscalls-arm64.ts';
import { X64_SYSCALLS } from '../../seccomp/syscalls-x64.ts';

type Condition = { index: number; value: number; valueTwo?: number; op: 'SCMP_CMP_EQ' | 'SCMP_CMP_MASKED_EQ' };
type Rule = { names: string[]; action: string; args?: Condition[]; errnoRet?: number };

/** A system-call profile in the format of container engines. */
export type SeccompProfile = { defaultAction: string; defaultErrnoRet: number; syscalls: Rule[] };

const ENOSYS = 38;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const NAMESPACE_FLAGS = 0x7e020000;
/** AF_UNIX, AF_INET, AF_INET6: no namespace covers AF_VSOCK, the channel to the hypervisor. */
const SOCKET_FAMILIES = [1, 2, 10];
/** PER_LINUX, the query, and ADDR_NO_RANDOMIZE. */
const PERSONALITIES = [0, 0xffffffff, 0x0040000];
const CONDITIONAL = ['clone', 'clone3', 'socket', 'socketpair', 'personality'];

/**
 * The profile that goes with every container: the same list as the other engines' filter, where a container engine's
 * own default lets more through. What is refused fails with ENOSYS, so that programs take their fallback: engines
 * before 23.0 do not know `defaultErrnoRet`, so what is known to be refused is also listed.
 */
export function seccompProfile(): SeccompProfile {
  const allowed = ALLOWED_SYSCALLS.filter((name) => !CONDITIONAL.includes(name)).concat('ioctl');
  const known = new Set([...X64_SYSCALLS.keys(), ...ARM64_SYSCALLS.keys()]);
  const refused = [...known].filter((name) => !allowed.includes(name) && !CONDITIONAL.includes(name));
  const allow = (names: string[], condition: Condition): Rule => ({
    names,
    action: 'SCMP_ACT_ALLOW',
    args: [condition],
  });
  const equal = (value: number): Condition => ({ index: 0, value, op: 'SCMP_CMP_EQ' });
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: ENOSYS,
    syscalls: [
      { names: allowed, action: 'SCMP_ACT_ALLOW' },
      allow(['clone'], { index: 0, value: NAMESPACE_FLAGS, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }),
      ...SOCKET_FAMILIES.map((family) => allow(['socket', 'socketpair'], equal(family))),
      ...PERSONALITIES.map((persona) => allow(['personality'], equal(persona))),
      { names: ['clone3', ...refused], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
    ],
  };
}
