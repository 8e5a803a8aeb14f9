import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, open, unlink, writeFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { RunLimits } from '@assay/contract/runner';
import type { Collected } from '../../files/collector.ts';
import { collectFiles } from '../../files/collector.ts';
import type { KillReason } from '../../verdict/verdict.ts';
import type { Usage, WardedSandbox } from '../warden/follow-stage.ts';
import { removeTree } from './remove-tree.ts';
import { signalGroup, TreeWatch } from './tree-watch.ts';

/** It waits for every process of the run, and a killed one may be in a long system call. */
const WARDEN_ENDS_WITHIN_MS = 5000;
const DIAGNOSTICS_CHARACTERS = 2000;

/** One run's place: a working directory, and processes that Landlock and a system-call filter confine to it. */
export class LandlockSandbox implements WardedSandbox, AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #directory: string;
  readonly #exited: Promise<unknown>;
  #program: number | undefined;
  #watch: TreeWatch | undefined;
  #diagnostics = '';

  private constructor(process: ChildProcess, directory: string) {
    this.#process = process;
    this.#directory = directory;
    this.#exited = once(process, 'close').catch(() => undefined);
    process.stderr?.on('data', (bytes: Buffer) => {
      this.#diagnostics = (this.#diagnostics + bytes.toString()).slice(0, DIAGNOSTICS_CHARACTERS);
    });
  }

  /** Starts a warden that reads `input` in a fresh working directory; `command` gets that directory. */
  static async start(
    place: { directory: string; uid: number | undefined },
    plan: { command(work: string): readonly string[]; environment(work: string): NodeJS.ProcessEnv; input: Buffer },
  ): Promise<LandlockSandbox> {
    const { directory, uid } = place;
    const work = `${directory}/work`;
    await mkdir(work, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o711);
    if (uid !== undefined) await chown(work, uid, uid);
    await writeFile(`${directory}/in`, plan.input, { mode: 0o600 });
    await using input = await open(`${directory}/in`, 'r');
    await unlink(`${directory}/in`);
    const [program = '', ...args] = plan.command(work);
    const child = spawn(program, args, {
      cwd: work,
      env: plan.environment(work),
      stdio: [input.fd, 'pipe', 'pipe'],
      // A session of its own: no terminal of ours, and a group that can be signalled as one.
      detached: true,
    });
    await once(child, 'spawn');
    return new LandlockSandbox(child, directory);
  }

  get output(): Readable {
    return this.#process.stdout as Readable;
  }

  get diagnostics(): string {
    return this.#diagnostics.trim();
  }

  kill(): void {
    if (this.#program === undefined) this.#process.kill('SIGTERM');
    else signalGroup(this.#program, 'SIGKILL');
  }

  watch(program: number, limits: RunLimits, kill: (reason: KillReason) => void): Disposable {
    this.#program = program;
    const tree = { warden: this.#process.pid ?? 0, group: program, work: `${this.#directory}/work` };
    this.#watch = new TreeWatch(tree, limits, kill);
    return this.#watch;
  }

  usage(programCpuMs: number | null): Usage {
    const memoryPeakMb = this.#watch?.memoryPeakMb ?? null;
    return { cpuMs: programCpuMs, memoryPeakMb, memoryKills: 0, refusedForks: 0, diskFull: false };
  }

  async collect(patterns: readonly string[]): Promise<Collected> {
    await using work = await open(`${this.#directory}/work`, 'r');
    return await collectFiles(work.fd, patterns);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    this.output.destroy();
    // The warden goes last: until then it takes in what the program leaves behind.
    const patience = setTimeout(() => this.#process.kill('SIGKILL'), WARDEN_ENDS_WITHIN_MS);
    await this.#exited;
    clearTimeout(patience);
    if (this.#program !== undefined) signalGroup(this.#program, 'SIGKILL');
    await removeTree(this.#directory);
  }
}
