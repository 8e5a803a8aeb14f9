import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * Tells one process from every other that has or will have the same pid: by when it started. Null when there is none.
 */
export async function identifyProcess(pid: number): Promise<string | null> {
  if (!Number.isInteger(pid) || pid <= 0) return null;
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

async function fromProc(pid: number): Promise<string | null> {
  try {
    const [boot, stat] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ]);
    // The name in brackets may hold anything, spaces and brackets too.
    const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Z: dead, and not yet collected by its parent.
    return state === 'Z' ? null : `${boot.trim()} ${rest[18]}`;
  } catch {
    return null;
  }
}

async function fromPs(pid: number): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
    return stdout.trim() || null;
  } catch {
    return null;
  }
}
