import { randomBytes } from 'node:crypto';
import { chmod, open, readFile, rename, stat } from 'node:fs/promises';
import { OWNER, SUPERUSER } from './connection.ts';

/** The passwords of the two roles that log in. */
export type Passwords = { owner: string; superuser: string };

const HEADER = '# The passwords of the embedded PostgreSQL, as libpq reads them (PGPASSFILE).\n';

/** Makes passwords that can't be guessed: 192 random bits each, in characters that SQL and libpq need not quote. */
export function newPasswords(): Passwords {
  return { owner: randomBytes(24).toString('base64url'), superuser: randomBytes(24).toString('base64url') };
}

/** Reads the password file; undefined when it is missing or says nothing of a role, so that new ones must be set. */
export async function readPasswords(path: string): Promise<Passwords | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const owner = passwordOf(OWNER, text);
  const superuser = passwordOf(SUPERUSER, text);
  if (owner === undefined || superuser === undefined) return undefined;
  if ((await stat(path)).mode & 0o077) await chmod(path, 0o600);
  return { owner, superuser };
}

/** Writes the password file, whole or not at all, for our eyes only. */
export async function writePasswords(path: string, { owner, superuser }: Passwords): Promise<void> {
  const written = `${path}.new`;
  const handle = await open(written, 'w', 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(`${HEADER}*:*:*:${OWNER}:${owner}\n*:*:*:${SUPERUSER}:${superuser}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(written, path);
}

function passwordOf(role: string, text: string): string | undefined {
  return new RegExp(`^\\*:\\*:\\*:${role}:([\\w-]+)$`, 'm').exec(text)?.[1];
}
