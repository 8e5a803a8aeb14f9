import type { RunLimits } from '@assay/contract/runner';
import type Docker from 'dockerode';
import { KEEPER_COMMAND, KEEPER_USER } from './keeper.ts';
import { seccompProfile } from './seccomp-profile.ts';

/** The program's user in every container: nobody's number, in any image. */
export const PROGRAM_USER = '65534:65534';
export const WORK_DIRECTORY = '/work';
/** Carries the id of the runner whose container it is. */
export const RUNNER_LABEL = 'assay.runner';

/** What tells one engine's containers from another's. */
export type ContainerKind = {
  runnerId: string;
  runtime: string | undefined;
  /** Cores of the container engine's machine, which refuses to be asked for more. */
  cores: number;
  /** The runtime brings a kernel of its own, whose threads and memory count in the container's cgroup. */
  ownKernel: boolean;
};

/** The keeper, and the threads that the runtime needs for a moment to start a program. */
const OWN_PROCESSES = 8;
/** gVisor's kernel runs about 60 threads and fails without a word when it cannot start one. */
const KERNEL_PROCESSES = 256;
const KERNEL_MEMORY_MB = 64;
const SHARED_MEMORY_BYTES = 16 << 20;
const MAX_INODES = 4096;

/** What is asked of the container engine for one run: nothing shared, nothing writable but two sized RAM disks. */
export function containerPlan(kind: ContainerKind, image: string, limits: RunLimits): Docker.ContainerCreateOptions {
  const memory = (limits.memory_mb + (kind.ownKernel ? KERNEL_MEMORY_MB : 0)) * 2 ** 20;
  const { work, scratch } = diskSplit(limits.disk_mb);
  const disk = `rw,exec,nosuid,nodev,nr_inodes=${MAX_INODES}`;
  const ulimit = (Name: string, value: number) => ({ Name, Soft: value, Hard: value });
  return {
    Image: image,
    Entrypoint: [],
    Cmd: [...KEEPER_COMMAND],
    User: KEEPER_USER,
    WorkingDir: WORK_DIRECTORY,
    Labels: { [RUNNER_LABEL]: kind.runnerId },
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    NetworkDisabled: true,
    HostConfig: {
      Memory: memory,
      MemorySwap: memory,
      NanoCpus: Math.round(Math.min(limits.cpus, kind.cores) * 1e9),
      PidsLimit: limits.processes + OWN_PROCESSES + (kind.ownKernel ? KERNEL_PROCESSES : 0),
      NetworkMode: 'none',
      IpcMode: 'private',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges', `seccomp=${JSON.stringify(seccompProfile())}`],
      ShmSize: SHARED_MEMORY_BYTES,
      Tmpfs: {
        [WORK_DIRECTORY]: `${disk},size=${work},mode=0777,uid=65533,gid=65533`,
        '/tmp': `${disk},size=${scratch},mode=1777`,
      },
      Ulimits: [ulimit('core', 0), ulimit('nofile', limits.open_files), ulimit('fsize', limits.file_size_mb * 2 ** 20)],
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
      ...(kind.runtime === undefined ? {} : { Runtime: kind.runtime }),
    },
  };
}

/** All that a program may leave on disk is in two places; together they hold what the limit says. */
function diskSplit(diskMb: number): { work: number; scratch: number } {
  const whole = diskMb * 2 ** 20;
  const scratch = Math.floor(whole / 4);
  return { work: whole - scratch, scratch };
}
