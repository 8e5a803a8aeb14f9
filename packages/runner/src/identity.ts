import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The runner's id, kept in its state directory. The plane knows by it, after a restart, which leases this runner held
 * and no longer does.
 */
export function runnerId(stateDir: string): string {
  const file = join(stateDir, 'runner-id');
  mkdirSync(stateDir, { recursive: true });
  try {
    const known = readFileSync(file, 'utf8').trim();
    if (UUID.test(known)) return known;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const made = randomUUID();
  writeFileSync(file, `${made}\n`);
  return made;
}
