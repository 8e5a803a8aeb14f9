import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, open, rm, unlink, writeFile } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import type { RunLimits } from '@assay/contract/runner';
import type { ControlGroup, ControlGroups } from '../../cgroup/control-group.ts';
import { selectFromArchive } from '../../files/archive-selection.ts';
import type { Collected } from '../../files/collector.ts';
import type { KillReason } from '../../verdict/verdict.ts';
import { Watchdog } from '../../verdict/watchdog.ts';
import type { Usage, WardedSandbox } from '../warden/follow-stage.ts';

/** Everything that differs between machines and not between sandboxes. */
export type SandboxMachine = {
  runsc: string;
  groups: ControlGroups;
  /** Options that come before the command. */
  flags: readonly string[];
};

/** gVisor's own kernel runs some 60 threads, and fails when it cannot start one. */
const KERNEL_PROCESSES = 256;
const KERNEL_MEMORY_MB = 64;
const KILL_AGAIN_MS = 10;
const DIAGNOSTICS_CHARACTERS = 2000;
/** Waits until its process was put into a group. An end of the pipe is no leave to go on. */
const GATE = 'read -r go <&3 && exec 3<&- && exec "$@"';

/** One gVisor sandbox: a kernel of its own in a user process, confined by a control group. */
export class Sandbox implements WardedSandbox, AsyncDisposable {
  readonly #group: ControlGroup;
  readonly #process: ChildProcess;
  readonly #directory: string;
  readonly #exited: Promise<unknown>;
  #diagnostics = '';
  #cpuAtStart = 0;

  private constructor(group: ControlGroup, process: ChildProcess, directory: string) {
    this.#group = group;
    this.#process = process;
    this.#directory = directory;
    this.#exited = once(process, 'close').catch(() => undefined);
    process.stderr?.on('data', (bytes: Buffer) => {
      this.#diagnostics = (this.#diagnostics + bytes.toString()).slice(0, DIAGNOSTICS_CHARACTERS);
    });
  }

  /** Starts a sandbox that reads `input`. Nothing of it runs before it is in its group. */
  static async start(
    machine: SandboxMachine,
    place: { directory: string; name: string; uid: number | undefined },
    plan: { bundle: object; input: Buffer; limits: RunLimits },
  ): Promise<Sandbox> {
    const { directory, name, uid } = place;
    await mkdir(`${directory}/state`, { recursive: true, mode: 0o700 });
    await writeFile(`${directory}/config.json`, JSON.stringify(plan.bundle));
    // Whatever the umask: the sandbox's user must reach and read it.
    await chmod(directory, 0o711);
    await chmod(`${directory}/config.json`, 0o644);
    if (uid !== undefined) await chown(`${directory}/state`, uid, uid);
    await writeFile(`${directory}/in`, plan.input, { mode: 0o600 });
    await using input = await open(`${directory}/in`, 'r');
    await unlink(`${directory}/in`);
    const command = [
      machine.runsc,
      ...machine.flags,
      '--root',
      `${directory}/state`,
      'run',
      '--bundle',
      directory,
      name,
    ];
    const group = machine.groups.create(`gvisor-${name}`);
    const child = spawn('/bin/sh', ['-c', GATE, 'sh', ...command], {
      stdio: [input.fd, 'pipe', 'pipe', 'pipe'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      cwd: '/',
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    const sandbox = new Sandbox(group, child, directory);
    try {
      await once(child, 'spawn');
      const { memory_mb, processes, cpus } = plan.limits;
      group.limit({
        memoryMb: memory_mb + KERNEL_MEMORY_MB,
        processes: processes + KERNEL_PROCESSES,
        cpus,
      });
      await group.attach(child.pid ?? 0);
      (child.stdio[3] as Writable).on('error', () => undefined).end('go\n');
    } catch (error) {
      await sandbox[Symbol.asyncDispose]();
      throw error;
    }
    return sandbox;
  }

  get output(): Readable {
    return this.#process.stdout as Readable;
  }

  get diagnostics(): string {
    return this.#diagnostics.trim();
  }

  kill(): void {
    try {
      this.#group.killAll();
    } catch {
      // The group has just been removed, as only an empty one can be.
    }
  }

  watch(_program: number, limits: RunLimits, kill: (reason: KillReason) => void): Disposable {
    this.#cpuAtStart = this.#group.cpuMs();
    return new Watchdog({ limits, cpuMs: () => this.#group.cpuMs() - this.#cpuAtStart, kill });
  }

  usage(): Usage {
    const usage = this.#group.usage();
    return { ...usage, cpuMs: usage.cpuMs - this.#cpuAtStart, diskFull: false };
  }

  collect(patterns: readonly string[], archive: AsyncIterable<Buffer>): Promise<Collected> {
    return selectFromArchive(archive, patterns);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    // A process may have been born between the look at the group and the kill.
    const again = setInterval(() => this.kill(), KILL_AGAIN_MS);
    try {
      this.output.destroy();
      await this.#exited;
      await this.#group.remove();
    } finally {
      clearInterval(again);
      await rm(this.#directory, { recursive: true, force: true });
    }
  }
}
