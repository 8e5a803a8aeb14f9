import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Caller } from './caller.ts';

/** The first full-access key of every installation that a bench makes. */
export const API_KEY = `sk_${'bench'.repeat(8)}`;

/** The two ways into the product: what users type, and what it hands over to. */
const ENTRIES = {
  'command line': fileURLToPath(new URL('../../packages/cli/bin/assay.mjs', import.meta.url)),
  server: fileURLToPath(new URL('../../packages/server/src/main.ts', import.meta.url)),
};

const READY_WITHIN_MS = 60_000;
const STOPS_WITHIN_MS = 15_000;
const LOOK_MS = 5;

export type AssayOptions = {
  dataDir: string;
  /** The server itself when left out. */
  through?: keyof typeof ENTRIES;
  /** Settings beyond those of every bench, as the environment carries them. */
  environment?: Readonly<Record<string, string>>;
  /** Whether it is enough that it listens, because no runner of its own will make it ready. */
  withoutRunner?: boolean;
};

/** A server of ours in processes of its own, ready. Disposing it stops it. */
export type RunningAssay = AsyncDisposable & {
  url: string;
  pid: number;
  /** From the start of the process until `/readyz` said that everything works. */
  readyMs: number;
  caller: Caller;
};

/**
 * Starts the product and waits until it is ready.
 * @throws Error with the end of its log when it does not get there
 */
export async function startAssay({
  dataDir,
  through,
  environment,
  withoutRunner,
}: AssayOptions): Promise<RunningAssay> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const began = performance.now();
  const child = spawn(process.execPath, [ENTRIES[through ?? 'server'], 'serve'], {
    cwd: dataDir,
    env: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      ASSAY_DATA_DIR: dataDir,
      ASSAY_HTTP_PORT: '0',
      ASSAY_GRPC_PORT: '0',
      ASSAY_LOG_LEVEL: 'warn',
      ASSAY_RATE_LIMITS: 'off',
      ASSAY_BOOTSTRAP_API_KEY: API_KEY,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = keepEnd(child);
  try {
    const url = await addressOf(child);
    const caller = new Caller(url, API_KEY);
    if (!withoutRunner) await untilReady(caller, child);
    const readyMs = performance.now() - began;
    return { url, pid: pidOf(child), readyMs, caller, [Symbol.asyncDispose]: () => stop(child) };
  } catch (error) {
    await stop(child);
    throw new Error(`The server did not start. The end of its log:\n${log()}`, { cause: error });
  }
}

/** The command line hands over to the server in the same process, so its id is the server's. */
function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('The server has no process.');
  return child.pid;
}

/** Reads the address from what the server prints when it listens. */
async function addressOf(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('The server has no output.');
  const deadline = AbortSignal.timeout(READY_WITHIN_MS);
  const lines = createInterface({ input: child.stdout, signal: deadline });
  for await (const line of lines) {
    const address = /\bat (http:\/\/\S+)/.exec(line)?.[1];
    if (address === undefined) continue;
    child.stdout.resume();
    return address;
  }
  throw new Error('It ended, or did not listen in time.');
}

async function untilReady(caller: Caller, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const { status, body } = await caller.get('/readyz');
    if (status === 200) return;
    if (child.exitCode !== null || performance.now() > deadline) {
      throw new Error(`Not ready: ${JSON.stringify(body)}`);
    }
    await delay(LOOK_MS);
  }
}

/** Keeps the end of what a process says on standard error. */
function keepEnd(child: ChildProcess): () => string {
  let kept = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    kept = (kept + text).slice(-4_000);
  });
  return () => kept;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), STOPS_WITHIN_MS);
  await gone;
  clearTimeout(force);
}
