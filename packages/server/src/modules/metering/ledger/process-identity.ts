import { readFile } from 'node:fs/promises';

/**
 * Tells one process from every other that has or will have the same pid, by when it started. Null when there is none; where
 * there is no /proc, all that can be told is that some process has this pid.
 */
export async function identifyProcess(pid: number): Promise<string | null> {
  if (!Number.isInteger(pid) || pid <= 0) return null;
  if (process.platform !== 'linux') return isThere(pid) ? 'unknown' : null;
  try {
    const [boot, stat] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ]);
    // The name in brackets may hold anything, spaces and brackets too.
    const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? null : `${boot.trim()} ${rest[18]}`;
  } catch {
    return null;
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
