import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Assay } from '@assay/sdk';
import { Client } from './client.ts';
import { until } from './until.ts';

/** What a first start prints, once. */
export type Credentials = { email: string; password: string; apiKey: string };
export type Exit = { code: number | null; signal: NodeJS.Signals | null };

export type ServerOptions = {
  /** Settings, beside those that every server of this suite has. */
  env?: Record<string, string>;
  args?: readonly string[];
  /** An existing data directory; it is then left alone at the end. */
  dataDir?: string;
  /** False: do not wait until it can run programs. */
  awaitReady?: boolean;
};

const MAIN = fileURLToPath(new URL('../../packages/server/src/main.ts', import.meta.url));
/** Making the cluster, migrating and the engines' self-attack, on a machine that is busy with something else as well. */
const START_MS = 90_000;
const STOP_MS = 30_000;

/** What a test process must not hand on: its own settings would become those of the product. */
export function plainEnvironment(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'USER'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** One installation of Assay: a data directory and, most of the time, a process that serves it. */
export class Server implements AsyncDisposable {
  readonly dataDir: string;
  readonly #options: ServerOptions;
  #child: ChildProcess | null = null;
  #exited: Promise<Exit> = Promise.resolve({ code: null, signal: null });
  #credentials: Credentials | null = null;
  #url = '';
  /** All that was printed, over all starts. */
  stdout = '';
  stderr = '';

  private constructor(dataDir: string, options: ServerOptions) {
    this.dataDir = dataDir;
    this.#options = options;
  }

  static async start(options: ServerOptions = {}): Promise<Server> {
    const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'assay-acceptance-')));
    const server = new Server(dataDir, options);
    try {
      await server.start();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** Starts the process, again if it has ended: on the same data directory and the same port. */
  async start(settings: Record<string, string> = {}): Promise<void> {
    const from = this.stdout.length;
    this.#spawn(settings);
    const printed = (): RegExpExecArray | null =>
      /^\s*Assay is (?:ready )?at (http:\S+)$/m.exec(this.stdout.slice(from));
    const line = await this.#whileRunning(until('the server prints its address', printed, START_MS));
    this.#url = line[1] ?? '';
    this.#credentials ??= credentialsIn(this.stdout);
    if (this.#options.awaitReady !== false) await this.ready();
  }

  /** Waits until the server says that it can do its work. */
  async ready(withinMs = START_MS): Promise<void> {
    const isReady = async (): Promise<boolean> => {
      const { status, text } = await this.anonymous.get('/readyz');
      if (status === 200) return true;
      throw new Error(`It says: ${text}\nAnd its log: ${this.stderr.slice(-4_000)}`);
    };
    await this.#whileRunning(until('the server is ready', isReady, withinMs));
  }

  get url(): string {
    return this.#url;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('The server does not run.');
    return pid;
  }

  get isRunning(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when the process has ended, whatever ended it. */
  get exited(): Promise<Exit> {
    return this.#exited;
  }

  get credentials(): Credentials {
    if (!this.#credentials) throw new Error('The first start printed no credentials.');
    return this.#credentials;
  }

  /** A caller with this API key; the first full-access one when none is named. */
  as(apiKey = this.credentials.apiKey): Client {
    return new Client(() => this.#url, { 'x-api-key': apiKey });
  }

  get anonymous(): Client {
    return new Client(() => this.#url);
  }

  /** The public client, without its retries: a test sees the first answer. */
  sdk(apiKey = this.credentials.apiKey): Assay {
    return new Assay({ apiKey, baseUrl: this.#url, maxRetries: 0 });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Ends the process as an operator does, and gives how it ended. */
  async stop(): Promise<Exit> {
    this.signal('SIGTERM');
    const force = setTimeout(() => this.signal('SIGKILL'), STOP_MS);
    const exit = await this.#exited;
    clearTimeout(force);
    return exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) await this.stop();
    if (this.#options.dataDir === undefined) await rm(this.dataDir, { recursive: true, force: true, maxRetries: 20 });
  }

  #spawn(settings: Record<string, string>): void {
    const port = new URL(this.#url || 'http://localhost:0').port;
    const child = spawn(process.execPath, [MAIN, 'serve', ...(this.#options.args ?? [])], {
      cwd: this.dataDir,
      env: {
        ...plainEnvironment(),
        ASSAY_DATA_DIR: this.dataDir,
        ASSAY_HTTP_PORT: port,
        ASSAY_GRPC_PORT: '0',
        ...this.#options.env,
        ...settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    const end = (): void => void child.kill('SIGKILL');
    process.once('exit', end);
    this.#exited = once(child, 'close').then(([code, signal]) => {
      process.off('exit', end);
      return { code, signal };
    });
    this.#child = child;
  }

  /** Waits for something of the process, for no longer than it lives. */
  async #whileRunning<Value>(wanted: Promise<Value>): Promise<Value> {
    const ended = this.#exited.then(({ code, signal }) => {
      throw new Error(`The server has ended (${signal ?? code}). It said:\n${this.stderr.slice(-4_000)}`);
    });
    return Promise.race([wanted, ended]);
  }
}

/** Reads what a first start prints; null when there is nothing of it, as on every later start. */
export function credentialsIn(text: string): Credentials | null {
  const found = /Owner +(\S+)\n +Password +(\S+)\n +API key +(\S+)/.exec(text);
  const [, email = '', password = '', apiKey = ''] = found ?? [];
  return found ? { email, password, apiKey } : null;
}
