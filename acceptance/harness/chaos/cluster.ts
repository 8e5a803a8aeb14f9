import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { databaseUrlOf } from '../database.ts';
import { type Exit, plainEnvironment, Server } from '../server.ts';

const SERVER = fileURLToPath(new URL('../../../packages/server/src/main.ts', import.meta.url));
const RUNNER = fileURLToPath(new URL('../../../packages/runner/src/main.ts', import.meta.url));
const TOKEN = `rn_${'chaos'.repeat(9)}`;

/** How much of what a member wrote last is told of one that ended by itself. */
const LAST_LINES = 20;

/** A process without a port of its own. */
class Portless {
  readonly #args: readonly string[];
  readonly #env: Record<string, string>;
  #child: ChildProcess | null = null;
  #exited: Promise<Exit> = Promise.resolve({ code: null, signal: null });
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

  get exited(): Promise<Exit> {
    return this.#exited;
  }

  async start(): Promise<void> {
    const env = { ...plainEnvironment(), ...this.#env };
    const child = spawn(process.execPath, this.#args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
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

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }
}

/** The processes of a cluster. `api` has the database: where it dies, PostgreSQL dies with it. */
export const MEMBERS = ['api', 'second_api', 'worker', 'second_worker', 'runner', 'second_runner'] as const;
export type Member = (typeof MEMBERS)[number];

/** What the cluster wants of each of its processes, whatever it runs. */
type Process = Pick<Server, 'pid' | 'exited' | 'signal' | 'stderr'> & { start(): Promise<void> };

type Others = Record<Exclude<Member, 'api' | 'second_api'>, Portless>;

/** Two API servers, two workers and two runners on one PostgreSQL. Each runs until it is told to end: there is no supervisor. */
export class Cluster implements AsyncDisposable {
  readonly api: Server;
  readonly #processes: Readonly<Record<Member, Process>>;
  readonly #second: Server;
  readonly #root: string;
  /** Members whose end was asked for. */
  readonly #ending = new Set<Member>();
  readonly #deserted = Promise.withResolvers<never>();
  /** Members that stand still. */
  readonly frozen = new Set<Member>();

  private constructor(api: Server, second: Server, others: Others, root: string) {
    this.api = api;
    this.#second = second;
    this.#processes = { api, second_api: second, ...others };
    this.#root = root;
    this.#deserted.promise.catch(() => {});
    for (const member of MEMBERS) this.#watch(member);
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
    const assets = join(api.dataDir, 'assets');
    await mkdir(assets, { recursive: true });
    const dataDirOf = async (name: string): Promise<string> => {
      const dataDir = join(root, name);
      await mkdir(dataDir);
      await symlink(assets, join(dataDir, 'assets'));
      return dataDir;
    };
    const dataDir = await dataDirOf('second-api');
    const second = await Server.start({ args: ['--role', 'api'], env: shared, dataDir, awaitReady: false });
    const worker = async (name: string): Promise<Portless> =>
      new Portless([SERVER, 'serve', '--role', 'worker'], { ...shared, ASSAY_DATA_DIR: await dataDirOf(name) });
    const runner = async (name: string, at: Server): Promise<Portless> => {
      const stateDir = join(root, name);
      await mkdir(stateDir);
      const where = ['--connect', at.url, '--token-file', join(api.dataDir, 'runner-token')];
      return new Portless([RUNNER, ...where, '--state-dir', stateDir, '--name', name, '--engines', 'bubblewrap']);
    };
    const others = {
      worker: await worker('worker'),
      second_worker: await worker('second-worker'),
      runner: await runner('runner', api),
      second_runner: await runner('second-runner', second),
    };
    for (const member of Object.values(others)) await member.start();
    return new Cluster(api, second, others, root);
  }

  /** Rejects when a member ends that nobody told to, with how it ended and what it wrote last. */
  get deserted(): Promise<never> {
    return this.#deserted.promise;
  }

  #watch(member: Member): void {
    const { exited, stderr } = this.#processes[member];
    const from = stderr.length;
    void exited.then(({ code, signal }) => {
      if (this.#ending.delete(member)) return;
      const last = this.#processes[member].stderr.slice(from).trimEnd().split('\n').slice(-LAST_LINES).join('\n');
      this.#deserted.reject(new Error(`${member} ended by itself (${signal ?? code}). It wrote last:\n${last}`));
    });
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
    return this.#processes[member].pid;
  }

  /** Ends a member, and gives how it ended. */
  async end(member: Member, signal: NodeJS.Signals): Promise<Exit> {
    const process = this.#processes[member];
    this.#ending.add(member);
    process.signal(signal);
    return process.exited;
  }

  async start(member: Member): Promise<void> {
    const started = this.#processes[member].start();
    this.#watch(member);
    await started;
  }

  async postgresPid(): Promise<number> {
    const file = await readFile(join(this.api.dataDir, 'postgres', 'postmaster.pid'), 'utf8');
    return Number(file.split('\n')[0]);
  }

  /** Warnings and errors that any of them wrote; for whoever reads a failure. */
  get log(): string {
    return Object.values(this.#processes)
      .map(({ stderr }) =>
        stderr
          .split('\n')
          .filter((line) => /"level":"(warn|error)"/.test(line))
          .slice(-10)
          .join('\n'),
      )
      .join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.frozen) process.kill(this.pidOf(member), 'SIGCONT');
    for (const member of MEMBERS) this.#ending.add(member);
    const portless = MEMBERS.filter((member) => member !== 'api' && member !== 'second_api');
    await Promise.all(portless.map((member) => this.end(member, 'SIGTERM')));
    await this.#second[Symbol.asyncDispose]();
    await this.api[Symbol.asyncDispose]();
    await rm(this.#root, { recursive: true, force: true, maxRetries: 20 });
  }
}
