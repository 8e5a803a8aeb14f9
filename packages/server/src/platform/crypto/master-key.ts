import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Sensitive } from '../../kernel/sensitive.ts';

/** The key that wraps every other secret of an installation; 32 random bytes, kept as hex in a file of mode 0600. */
export type MasterKey = Sensitive<Buffer>;

/**
 * Reads the master key, or makes it on first start.
 * @throws Error when the file is readable by others or does not hold a key, saying what to do
 */
export async function loadMasterKey(file: string): Promise<{ key: MasterKey; created: boolean }> {
  const created = await create(file);
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0)
    throw new Error(`The master key ${file} is readable by other users. Run: chmod 600 ${file}`);
  const text = (await readFile(file, 'utf8')).trim();
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new Error(
      `${file} does not hold a master key (64 hex digits). Restore it from a backup: without it, stored secrets cannot be read.`,
    );
  }
  return { key: new Sensitive(Buffer.from(text, 'hex')), created };
}

/** Written aside and linked into place, so that a second process never reads half a key. */
async function create(file: string): Promise<boolean> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  const handle = await open(draft, 'w', 0o600);
  try {
    await handle.writeFile(`${randomBytes(32).toString('hex')}\n`);
    await handle.sync();
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await handle.close();
    await rm(draft, { force: true });
  }
}
