import { execFile } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { dirname, resolve } from 'node:path';
import { execPath, execve } from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import { CliError } from './cli-error.ts';
import type { Environment } from './env.ts';

/** The server is another program, found by name and started as a process: nothing of it is imported here. */
const PROGRAM = '@assay/server/main';

/** Settings of the server that the command line needs to know. */
export type ServerSettings = { dataDir: string; roles: readonly string[] };

/** Path of the server's program. */
export function serverProgram(): string {
  try {
    return fileURLToPath(import.meta.resolve(PROGRAM));
  } catch (cause) {
    throw new CliError('The server is not installed beside this command line.', {
      code: 'no_server',
      exit: EXIT_CODES.failed,
      hint: 'Run `npm ci` in the checkout, or talk to a server elsewhere by setting ASSAY_URL.',
      cause,
    });
  }
}

/** Replaces this process by the server's program, so that none of ours stays behind to wait for it. */
export function becomeServerProgram(argv: readonly string[], environment: Environment): never {
  if (!execve) throw new Error('This Node cannot replace a process.');
  return execve(execPath, [execPath, serverProgram(), ...argv], serverEnvironment(environment));
}

/**
 * What the server's program inherits. It and its runner keep their stripped sources where this program keeps its own:
 * they start in a third of the time, and without the stripper in memory.
 */
export function serverEnvironment({ all }: Environment): Record<string, string> {
  const kept = getCompileCacheDir();
  const cache = kept === undefined ? {} : { NODE_COMPILE_CACHE: dirname(kept) };
  const entries = Object.entries({ ...cache, ...all });
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/**
 * Asks the server's program what it would use when it is started with these arguments.
 * @throws CliError with the server's own words when its configuration does not hold
 */
export async function readServerSettings(
  args: readonly string[],
  { env, cwd }: { env: Environment['all']; cwd: string },
): Promise<ServerSettings> {
  const values = await listSettings(args, { env, cwd });
  const said = (name: string): string => values.find((line) => line.name === name)?.value ?? '';
  return { dataDir: resolve(cwd, said('data_dir')), roles: said('role').split(',') };
}

async function listSettings(
  args: readonly string[],
  options: { env: Environment['all']; cwd: string },
): Promise<readonly { name: string; value: string }[]> {
  try {
    const { stdout } = await promisify(execFile)(execPath, [serverProgram(), 'config', '--json', ...args], options);
    return JSON.parse(stdout) as { name: string; value: string }[];
  } catch (cause) {
    if (!isExit(cause)) throw cause;
    throw new CliError(cause.stderr.trim().replace(/^assay config: /, ''), {
      code: 'configuration',
      exit: EXIT_CODES.failed,
      hint: '`assay config` lists every setting with where it came from.',
      cause,
    });
  }
}

const isExit = (error: unknown): error is Error & { stderr: string } =>
  error instanceof Error && 'stderr' in error && typeof error.stderr === 'string' && error.stderr !== '';
