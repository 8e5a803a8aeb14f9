import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Log } from '../platform/log.ts';

export type RunnerProcessOptions = {
  socketPath: string;
  tokenFile: string;
  stateDir: string;
  /** Where the child finds its programs. */
  path: string;
  slots: number;
  engines: readonly string[];
  log: Log;
};

const FIRST_RESTART_MS = 200;
const SLOWEST_RESTART_MS = 10_000;
/** One that ran this long was sound: the next restart is quick again. */
const SOUND_AFTER_MS = 30_000;
const STOP_MS = 3_000;

/**
 * The built-in runner: the runner program as a child process, over a Unix socket. It gets no secrets but its own
 * token's file, is started again when it dies, and ends with this process, whatever ends that.
 */
export class RunnerProcess implements AsyncDisposable {
  readonly #options: RunnerProcessOptions;
  #child: ChildProcess | null = null;
  #restart: NodeJS.Timeout | null = null;
  #waitMs = FIRST_RESTART_MS;
  #stopped = false;

  constructor(options: RunnerProcessOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await mkdir(this.#options.stateDir, { recursive: true, mode: 0o711 });
    this.#spawn();
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    if (this.#restart) clearTimeout(this.#restart);
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(force);
  }

  #spawn(): void {
    const { socketPath, tokenFile, stateDir, path, slots, engines, log } = this.#options;
    const program = fileURLToPath(import.meta.resolve('@assay/runner/main'));
    const args = [
      '--connect',
      `unix:${socketPath}`,
      '--token-file',
      tokenFile,
      '--state-dir',
      stateDir,
      '--exit-with-parent',
    ];
    if (slots > 0) args.push('--slots', String(slots));
    if (engines.length > 0) args.push('--engines', engines.join(','));
    const startedAt = Date.now();
    // The pipe on its standard input closes when this process ends: that is how it learns of it, even of a kill -9.
    const child = spawn(process.execPath, [...RUNNER_FLAGS, program, ...args], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { PATH: path, ...compileCache() },
    });
    this.#child = child;
    child.stdin?.on('error', () => {});
    if (child.stderr) createInterface({ input: child.stderr }).on('line', (line) => forward(log, line));
    child.on('error', (error) => log.error({ err: error }, 'the runner could not be started'));
    child.on('exit', (code, signal) => {
      if (this.#stopped) return;
      if (Date.now() - startedAt > SOUND_AFTER_MS) this.#waitMs = FIRST_RESTART_MS;
      log.warn({ code, signal, again_in_ms: this.#waitMs }, 'the runner ended; starting it again');
      this.#restart = setTimeout(() => this.#spawn(), this.#waitMs);
      this.#waitMs = Math.min(this.#waitMs * 2, SLOWEST_RESTART_MS);
    });
  }
}

/** It mostly waits: four threads that compile and collect beside it, as V8 would have, keep 15 MB more for nothing. */
const RUNNER_FLAGS = ['--v8-pool-size=1'];

/** Where this process keeps its stripped sources, if it does: the runner keeps its own there too. */
function compileCache(): Record<string, string> {
  const kept = getCompileCacheDir();
  return kept === undefined ? {} : { NODE_COMPILE_CACHE: dirname(kept) };
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** A line of the runner's log as one of ours. */
function forward(log: Log, line: string): void {
  try {
    const { level, msg, message, time: _time, ...rest } = JSON.parse(line) as Record<string, unknown>;
    const known = LEVELS.find((name) => name === level) ?? 'info';
    log[known](rest, String(msg ?? message ?? ''));
  } catch {
    log.warn(line);
  }
}
