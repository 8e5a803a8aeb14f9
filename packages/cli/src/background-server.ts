import { type ChildProcess, spawn } from 'node:child_process';
import { appendFile, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import { writePrivately } from './atomic-file.ts';
import { CliError } from './cli-error.ts';
import { withLock } from './file-lock.ts';
import { identifyProcess } from './process-identity.ts';

/**
 * What the pid file holds: the server, or the `assay up` that is about to start it. A pid alone does not do: after a
 * restart it may be anybody's.
 */
type Holder = {
  is: 'server' | 'starter';
  pid: number;
  identity: string | null;
  /** Null until it has been seen ready. */
  url: string | null;
  /** Where its part of the log begins, in bytes. */
  logFrom: number;
};

/** A server that runs. `url` is null until it has been seen ready. */
export type RunningServer = { pid: number; url: string | null };

/** What to run, and with what. */
export type ServerStart = { program: string; args: readonly string[]; env: NodeJS.ProcessEnv; cwd: string };

/** A log longer than this is set aside at the next start. Bytes. */
const LOG_LIMIT = 16 * 1024 * 1024;

/** The server that `assay up` keeps running in the background of a data directory. */
export class BackgroundServer {
  readonly #folder: string;

  constructor(dataDir: string) {
    this.#folder = join(dataDir, 'background');
  }

  get logFile(): string {
    return join(this.#folder, 'server.log');
  }

  get #pidFile(): string {
    return join(this.#folder, 'server.pid');
  }

  /** Held while it is found out who holds the pid file, and changed. */
  get #lockFile(): string {
    return join(this.#folder, 'server.lock');
  }

  /** Standard output of the server, kept apart from its log: the first start writes its secrets there. */
  get #wordsFile(): string {
    return join(this.#folder, 'server.out');
  }

  /** What a server said that nobody has been shown yet. */
  get #unreadFile(): string {
    return join(this.#folder, 'unread.out');
  }

  /** The server if it runs. One that has died, or a pid that is another program's by now, is none. */
  async running(): Promise<RunningServer | null> {
    const holder = await this.#holder();
    return holder?.is === 'server' ? { pid: holder.pid, url: holder.url } : null;
  }

  /** Remembers where the server answers. */
  async isReadyAt(url: string, signal: AbortSignal): Promise<void> {
    await withLock(this.#lockFile, signal, async () => {
      const holder = await this.#holder();
      if (holder?.is === 'server') await this.#hold({ ...holder, url });
    });
  }

  /**
   * Starts a server that outlives this process. It does not wait until the server is ready.
   * @throws CliError when a server runs, or is being started, in this data directory
   */
  async start({ program, args, ...options }: ServerStart, signal: AbortSignal): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await withLock(this.#lockFile, signal, () => this.#claim());
    await this.#setLogAside();
    await this.#keepUnread();
    await using log = await open(this.logFile, 'a', 0o600);
    await using words = await open(this.#wordsFile, 'w', 0o600);
    const { size: logFrom } = await log.stat();
    const child = spawn(execPath, [program, 'serve', ...args], {
      ...options,
      detached: true,
      stdio: ['ignore', words.fd, log.fd],
    });
    const pid = await startedPid(child);
    child.unref();
    await this.#hold({ is: 'server', pid, identity: await identifyProcess(pid), url: null, logFrom });
  }

  /** What the server has said on standard output since its start. */
  words(): Promise<string> {
    return readFile(this.#wordsFile, 'utf8').catch(() => '');
  }

  /** All that was said and not yet shown: secrets of a first start that failed are good for the next one. */
  async unread(): Promise<string> {
    const before = await readFile(this.#unreadFile, 'utf8').catch(() => '');
    return before + (await this.words());
  }

  /** Forgets what was said, once it has been shown: it may be secrets. */
  async forgetWords(): Promise<void> {
    await Promise.all([rm(this.#wordsFile, { force: true }), rm(this.#unreadFile, { force: true })]);
  }

  /** Forgets a server that has ended. */
  async forget(): Promise<void> {
    await rm(this.#pidFile, { force: true });
  }

  /** The last lines that the latest server wrote to its log. */
  async lastLines(count: number): Promise<string> {
    const [log, latest] = await Promise.all([readFile(this.logFile).catch(() => Buffer.alloc(0)), this.#latest()]);
    return log
      .subarray(latest?.logFrom ?? 0)
      .toString('utf8')
      .trimEnd()
      .split('\n')
      .slice(-count)
      .join('\n');
  }

  /** Takes the pid file for this process. Under the lock: of two starts at the same time, one gives way. */
  async #claim(): Promise<void> {
    if ((await this.#holder()) !== null) {
      throw new CliError('A server runs, or is being started, in this data directory.', {
        code: 'conflict',
        exit: EXIT_CODES.conflict,
        hint: 'See how it goes with `assay status`.',
      });
    }
    const { pid } = process;
    await this.#hold({ is: 'starter', pid, identity: await identifyProcess(pid), url: null, logFrom: 0 });
  }

  #hold(holder: Holder): Promise<void> {
    return writePrivately(this.#pidFile, JSON.stringify(holder));
  }

  async #holder(): Promise<Holder | null> {
    const latest = await this.#latest();
    if (latest === null || latest.identity === null) return null;
    return (await identifyProcess(latest.pid)) === latest.identity ? latest : null;
  }

  /** What the pid file says, whether it still holds or not. */
  async #latest(): Promise<Holder | null> {
    return parse(await readFile(this.#pidFile, 'utf8').catch(() => ''));
  }

  async #keepUnread(): Promise<void> {
    const words = await this.words();
    // A single line is the address, which will be another one.
    if (words.trim().includes('\n')) await appendFile(this.#unreadFile, words, { mode: 0o600 });
  }

  async #setLogAside(): Promise<void> {
    const size = await stat(this.logFile).then(
      (found) => found.size,
      () => 0,
    );
    if (size > LOG_LIMIT) await rename(this.logFile, `${this.logFile}.1`);
  }
}

function startedPid(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => resolve(child.pid ?? 0));
  });
}

function parse(content: string): Holder | null {
  try {
    return JSON.parse(content) as Holder;
  } catch {
    return null;
  }
}
