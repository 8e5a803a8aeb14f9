import type { RunLimits } from '@assay/contract/runner';
import type { RootTree } from '../bubblewrap/root-tree.ts';

/** The program's user inside; its first process is root there, and stays out of the program's reach. */
const PROGRAM_USER = 65534;
export const WORK_DIRECTORY = '/work';
/** Where the warden lies inside. */
export const WARDEN = '/opt/assay/warden.pl';

const SHARED_MEMORY_BYTES = 16 << 20;
const ENVIRONMENT = ['PATH=/usr/local/bin:/usr/bin:/bin:/opt/node/bin', 'HOME=/tmp', 'TMPDIR=/tmp', 'LANG=C.UTF-8'];
/** What the warden needs: to become the program's user, and to end what the program started. */
const WARDEN_CAPABILITIES = ['CAP_KILL', 'CAP_SETUID', 'CAP_SETGID'];
const NAMESPACES = ['pid', 'ipc', 'uts', 'mount', 'network'];

/**
 * The description of a sandbox in the format of the Open Container Initiative: the machine's software read-only, two
 * sized RAM disks, and the warden as the first process.
 */
export function sandboxBundle(root: RootTree, limits: RunLimits, packFiles: boolean): object {
  const ramDisk = (destination: string, size: number, mode: string) => ({
    destination,
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'nodev', `mode=${mode}`, `size=${size}`],
  });
  const disk = limits.disk_mb * 2 ** 20;
  const scratch = Math.floor(disk / 4);
  const limitsOfShell = [`ulimit -f ${limits.file_size_mb * 2048}`, `ulimit -n ${limits.open_files}`, 'ulimit -c 0'];
  return {
    ociVersion: '1.0.0',
    hostname: 'box',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: [
        ...['/usr/bin/perl', WARDEN, String(PROGRAM_USER), String(limits.processes), packFiles ? '1' : '0', '0'],
        ...['/bin/sh', '-c', `${limitsOfShell.join(' && ')} && exec "$@"`, 'sh'],
      ],
      env: ENVIRONMENT,
      cwd: WORK_DIRECTORY,
      noNewPrivileges: true,
      capabilities: Object.fromEntries(['bounding', 'effective', 'permitted'].map((set) => [set, WARDEN_CAPABILITIES])),
    },
    root: { path: root.directory, readonly: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      ...root.mounts.map(([source, destination]) => ({ destination, type: 'bind', source, options: ['ro', 'rbind'] })),
      ramDisk(WORK_DIRECTORY, disk - scratch, '0777'),
      ramDisk('/tmp', scratch, '1777'),
      ramDisk('/dev/shm', SHARED_MEMORY_BYTES, '1777'),
    ],
    linux: { namespaces: NAMESPACES.map((type) => ({ type })) },
  };
}
