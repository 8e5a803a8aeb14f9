import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { databaseUrlOf } from '../database.ts';
import { plainEnvironment, Server } from '../server.ts';

const SERVER = fileURLToPath(new URL('../../../packages/server/src/main.ts', import.meta.url));
const RUNNER = fileURLToPath(new URL('../../../packages/runner/src/main.ts', import.meta.url));
const TOKEN = `rn_${'chaos'.repeat(9)}`;

/** How long a supervisor waits before it starts again what has ended. */
const RESTART_MS = 500;

/**
 * A process without a port of its own, under a supervisor as it would be anywhere: a start that finds no database is given
 * up, and made again.
 */
class Restartable {
  readonly #args: readonly string[];
  readonly #env: Record<string, string>;
  #child: ChildProcess | null = null;
  #isWanted = false;
  /** All that it wrote, over all starts. */
  stderr = '';

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    this.#args = args;
    this.#env = env;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('The process does not run.');
    return pid;
  }

  start(): void {
    this.#isWanted = true;
    const env = { ...plainEnvironment(), ...this.#env };
    const child = spawn(process.execPath, this.#args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    const end = (): void => void child.kill('SIGKILL');
    process.once('exit', end);
    child.once('exit', () => {
      process.off('exit', end);
      setTimeout(() => this.#isWanted && this.#child === child && this.start(), RESTART_MS);
    });
    this.#child = child;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#isWanted = false;
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}

/** The processes of a cluster. `api` has the database: where it dies, PostgreSQL dies with it. */
export const MEMBERS = ['api', 'second_api', 'worker', 'second_worker', 'runner', 'second_runner'] as const;
export type Member = (typeof MEMBERS)[number];

/** Two API servers, two workers and two runners on one PostgreSQL. */
export class Cluster implements AsyncDisposable {
  readonly api: Server;
  readonly #second: Server;
  readonly #others: Readonly<Record<Exclude<Member, 'api' | 'second_api'>, Restartable>>;
  readonly #root: string;
  /** Members that stand still. */
  readonly frozen = new Set<Member>();

  private constructor(api: Server, second: Server, others: Cluster['members'], root: string) {
    this.api = api;
    this.#second = second;
    this.#others = others;
    this.#root = root;
  }

  /** Those without a port. */
  get members(): Readonly<Record<Exclude<Member, 'api' | 'second_api'>, Restartable>> {
    return this.#others;
  }

  static async start(settings: Record<string, string>): Promise<Cluster> {
    const root = await mkdtemp(join(tmpdir(), 'assay-chaos-'));
    const env = { ...settings, ASSAY_RATE_LIMITS: 'off', ASSAY_RUNNER_TOKEN: TOKEN };
    const api = await Server.start({ args: ['--role', 'api'], env, awaitReady: false });
    const shared = {
      ...env,
      DATABASE_URL: await databaseUrlOf(api),
      ASSAY_MASTER_KEY_FILE: join(api.dataDir, 'master.key'),
    };
    const second = await Server.start({ args: ['--role', 'api'], env: shared, awaitReady: false });
    const worker = async (name: string): Promise<Restartable> => {
      const dataDir = join(root, name);
      await mkdir(dataDir);
      return new Restartable([SERVER, 'serve', '--role', 'worker'], { ...shared, ASSAY_DATA_DIR: dataDir });
    };
    const runner = async (name: string, at: Server): Promise<Restartable> => {
      const stateDir = join(root, name);
      await mkdir(stateDir);
      const where = ['--connect', at.url, '--token-file', join(api.dataDir, 'runner-token')];
      return new Restartable([RUNNER, ...where, '--state-dir', stateDir, '--name', name, '--engines', 'bubblewrap']);
    };
    const others = {
      worker: await worker('worker'),
      second_worker: await worker('second-worker'),
      runner: await runner('runner', api),
      second_runner: await runner('second-runner', second),
    };
    for (const member of Object.values(others)) member.start();
    return new Cluster(api, second, others, root);
  }

  /** Where callers go: to any of the servers that does not stand still. */
  url(turn: number): string {
    const servers = [
      ...(this.frozen.has('api') ? [] : [this.api]),
      ...(this.frozen.has('second_api') ? [] : [this.#second]),
    ];
    return servers[turn % servers.length]?.url ?? this.api.url;
  }

  pidOf(member: Member): number {
    if (member === 'api') return this.api.pid;
    return member === 'second_api' ? this.#second.pid : this.#others[member].pid;
  }

  async kill(member: Member): Promise<void> {
    if (member !== 'api' && member !== 'second_api') return this.#others[member].kill();
    const server = member === 'api' ? this.api : this.#second;
    server.signal('SIGKILL');
    await server.exited;
  }

  async start(member: Member): Promise<void> {
    if (member === 'api') await this.api.start();
    else if (member === 'second_api') await this.#second.start();
    else this.#others[member].start();
  }

  async postgresPid(): Promise<number> {
    const file = await readFile(join(this.api.dataDir, 'postgres', 'postmaster.pid'), 'utf8');
    return Number(file.split('\n')[0]);
  }

  /** Warnings and errors that any of them wrote; for whoever reads a failure. */
  get log(): string {
    const all = [this.api.stderr, this.#second.stderr, ...Object.values(this.#others).map(({ stderr }) => stderr)];
    return all
      .map((text) =>
        text
          .split('\n')
          .filter((line) => /"level":"(warn|error)"/.test(line))
          .slice(-10)
          .join('\n'),
      )
      .join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.frozen) process.kill(this.pidOf(member), 'SIGCONT');
    await Promise.all(Object.values(this.#others).map((member) => member.kill('SIGTERM')));
    await this.#second[Symbol.asyncDispose]();
    await this.api[Symbol.asyncDispose]();
    await rm(this.#root, { recursive: true, force: true, maxRetries: 20 });
  }
}
