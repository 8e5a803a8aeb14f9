import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Sensitive } from '../../kernel/sensitive.ts';

/** The key that wraps every other secret of an installation; 32 random bytes, kept as hex in a file of mode 0600. */
export type MasterKey = Sensitive<Buffer>;

/**
 * Reads the master key, or makes it on first start. A key that is there is only read: its folder may be a mounted
 * secret that nobody can write to.
 * @throws Error when the file is readable by others or does not hold a key, saying what to do
 */
export async function loadMasterKey(file: string): Promise<{ key: MasterKey; created: boolean }> {
  const created = !(await exists(file)) && (await create(file));
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

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );

/** Written aside and linked into place: a second process never reads half a key, and the first of two keys stays. */
async function create(file: string): Promise<boolean> {
  const folder = dirname(file);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Of a random name: two containers with one volume both have the process id 1.
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await writeDurably(draft, `${randomBytes(32).toString('hex')}\n`);
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
    await syncDirectory(folder);
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What is sealed with the key outlives a power cut: so must the key's name. */
async function syncDirectory(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
