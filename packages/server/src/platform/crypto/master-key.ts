import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Sensitive } from '../../kernel/sensitive.ts';

/** A key that secrets are sealed with or derived from; 32 random bytes. */
export type MasterKey = Sensitive<Buffer>;

/** A key as a file or a setting writes it. */
const FORM = /^[0-9a-f]{64}$/;

/**
 * Reads the master keys in a file, one a line, the newest first. Where there is no file, the first key is made, or there
 * are none. A file that is there is only read: its folder may be a mounted secret that nobody can write to.
 * @throws Error when the file is readable by others or does not hold keys, saying what to do
 */
export async function loadMasterKeys(
  file: string,
  { create: mayCreate }: { create: boolean },
): Promise<{ keys: readonly MasterKey[]; created: boolean }> {
  const isThere = await exists(file);
  if (!isThere && !mayCreate) return { keys: [], created: false };
  const created = !isThere && (await create(file));
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0)
    throw new Error(`The master key ${file} is readable by other users. Run: chmod 600 ${file}`);
  const keys = parseMasterKeys(await readFile(file, 'utf8'), file);
  return { keys: keys.map((key) => new Sensitive(key)), created };
}

/**
 * Reads keys in hexadecimal, separated by lines or commas.
 * @throws Error that names the place they came from, and shows nothing of them
 */
export function parseMasterKeys(text: string, place: string): Buffer[] {
  const written = text.split(/[\s,]+/).filter((part) => part !== '');
  if (written.length === 0 || !written.every((key) => FORM.test(key))) {
    throw new Error(
      `${place} does not hold a master key (64 hex digits). Restore it from a backup: without it, stored secrets cannot be read.`,
    );
  }
  return written.map((key) => Buffer.from(key, 'hex'));
}

/** Puts a new key in front of those in a file. A reader sees the file before or after it, never between. */
export async function prependMasterKey(file: string): Promise<void> {
  const draft = draftOf(file);
  try {
    await writeDurably(draft, `${randomBytes(32).toString('hex')}\n${await readFile(file, 'utf8')}`);
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
    await syncDirectory(dirname(file));
  }
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
  const draft = draftOf(file);
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

// Of a random name: two containers with one volume both have the process id 1.
const draftOf = (file: string): string => `${file}.${randomBytes(6).toString('hex')}`;

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
