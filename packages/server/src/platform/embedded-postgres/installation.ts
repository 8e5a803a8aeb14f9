import { chmod, chown, stat } from 'node:fs/promises';
import { type Account, accountsFor, currentCaller, runAs } from './account.ts';
import type { DataDirectory } from './data-directory.ts';
import { postgresErrors } from './errors.ts';
import { copyPrograms, findPrograms, type Programs, removeCopy } from './programs.ts';

/** PostgreSQL as it runs here: programs that were seen to run, as whom, and which version they are. */
export type Installation = { programs: Programs; account: Account; version: string; major: number };

/**
 * Finds programs and an account that work together on this data directory, by running them: containers, kernels and
 * permissions forbid user namespaces and paths in too many ways to foresee.
 * @throws AppError `postgres.cannot_run` with what each way said
 */
export async function prepareInstallation(
  directory: DataDirectory,
  accounts = accountsFor(currentCaller()),
): Promise<Installation> {
  const installed = await findPrograms();
  const failures: string[] = [];
  const tryAll = async (programs: Programs): Promise<Installation | undefined> => {
    for (const account of accounts) {
      const found = await tryAccount(programs, account, directory);
      if (typeof found !== 'string') return found;
      failures.push(`- as ${account.name}: ${found}`);
    }
    return undefined;
  };
  const inPlace = installed.isLinked ? await tryAll(installed) : undefined;
  if (inPlace) return inPlace;
  const copy = await copyPrograms(installed, directory);
  const copied = await tryAll(copy);
  if (copied) return copied;
  await removeCopy(copy);
  throw postgresErrors.cannot_run(
    `The embedded PostgreSQL does not run here:\n${[...new Set(failures)].join('\n')}\n` +
      'Start Assay as an ordinary user, put its data directory where other users can pass (such as /var/lib), ' +
      'or set DATABASE_URL to use a PostgreSQL of your own.',
  );
}

async function tryAccount(
  programs: Programs,
  account: Account,
  directory: DataDirectory,
): Promise<Installation | string> {
  await admit(account, directory);
  const entered = await runAs(account, ['/bin/sh', '-c', 'cd "$1"', 'sh', directory.root]);
  if (entered.code !== 0) return `it can't enter ${directory.root}: ${entered.output.trim()}`;
  const { code, stdout, output } = await runAs(account, [programs.postgres, '--version']);
  const [, version, major] = /\(PostgreSQL\) ((\d+)\.\d+)/.exec(stdout) ?? [];
  if (code !== 0 || version === undefined) return output.trim() || `it ended with ${code}`;
  return { programs, account, version, major: Number(major) };
}

/** Lets a user that is not ours pass the data directory, by its group, so that all others stay out. */
async function admit(account: Account, { root }: DataDirectory): Promise<void> {
  if (account.uid === process.getuid?.()) return;
  const { mode } = await stat(root);
  if (mode & 0o001) return;
  await chown(root, process.getuid?.() ?? 0, account.gid);
  await chmod(root, (mode & 0o707) | 0o010);
}
