import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Connection } from '../src/platform/embedded-postgres/connection.ts';

/** What a process that serves PostgreSQL said, and the process. `pid` is the server's, not the process's. */
export type ServedPostgres = AsyncDisposable & {
  process: ChildProcess;
  answer: { pid: number; connection: Connection } | { code: string; message: string };
};

export type ServeOptions = {
  way?: 'orphaning';
  /** Put in front of the command line, to run it as another user. */
  prefix?: string[];
};

/** Serves PostgreSQL from a process of its own and waits until it runs or has refused. */
export async function servePostgres(dataDir: string, options: ServeOptions = {}): Promise<ServedPostgres> {
  const child = spawnServer(dataDir, options);
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  const [line] = (await once(lines, 'line')) as [string];
  return {
    process: child,
    answer: JSON.parse(line) as ServedPostgres['answer'],
    [Symbol.asyncDispose]: () => end(child),
  };
}

/** Starts the process only, for tests that kill it before it says anything. */
export function spawnServer(dataDir: string, { way, prefix = [] }: ServeOptions = {}): ChildProcess {
  const script = fileURLToPath(new URL('./serve-postgres.ts', import.meta.url));
  const [program = '', ...args] = [...prefix, process.execPath, script, dataDir, ...(way ? [way] : [])];
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}
