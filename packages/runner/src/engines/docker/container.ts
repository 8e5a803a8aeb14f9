import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunLimits } from '@assay/contract/runner';
import type Docker from 'dockerode';
import type { TarFile } from '../../files/tar.ts';
import type { ContainerKind } from './container-plan.ts';
import { containerPlan, PROGRAM_USER, WORK_DIRECTORY } from './container-plan.ts';
import { removeContainer } from './daemon.ts';
import type { Footing, Reading } from './keeper.ts';
import { Keeper } from './keeper.ts';
import { OutsideFigures } from './outside-figures.ts';

/** The container engine did not do what it was asked; never the program's doing. */
export class ContainerFault extends Error {}

function fault(error: unknown): never {
  const said = error instanceof Error ? error.message.trim() : String(error);
  throw new ContainerFault(`The container engine failed: ${said}.`, { cause: error });
}

/** A container's end is noted a moment after its processes have gone. */
const END_NOTED_MS = 2000;
/** Exit code of a process that SIGKILL ended. */
const KILLED = 137;

/** A process that was started in a container: its two-way connection, and what became of it. */
export type ContainerProcess = { connection: Duplex; exitCode(): Promise<number | null | 'running'> };

/** One run's container: its keeper is up and the files are in place. */
export class Container implements AsyncDisposable {
  readonly #docker: Docker.Container;
  readonly #keeper: Keeper;
  readonly #outside: OutsideFigures | undefined;
  readonly footing: Footing;

  private constructor(docker: Docker.Container, keeper: Keeper, footing: Footing, outside: OutsideFigures | undefined) {
    this.#docker = docker;
    this.#keeper = keeper;
    this.footing = footing;
    this.#outside = outside;
  }

  /** Creates, starts and fills a container; leaves none behind when that fails. */
  static async start(
    docker: Docker,
    kind: ContainerKind,
    wish: { image: string; limits: RunLimits; files: readonly TarFile[] },
  ): Promise<Container> {
    const made = await docker.createContainer(containerPlan(kind, wish.image, wish.limits)).catch(fault);
    try {
      // Attached before the start: the container's input is the attached line, and its end is the container's.
      const line = await made.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
      const keeper = new Keeper(line as Duplex);
      await made.start();
      const footing = await keeper.unpack(wish.files);
      return new Container(made, keeper, footing, kind.ownKernel ? await OutsideFigures.follow(made) : undefined);
    } catch (error) {
      await removeContainer(made);
      return fault(error);
    }
  }

  /** Starts a program in the container, as the program's user. */
  async execute(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<ContainerProcess> {
    const exec = await this.#docker
      .exec({
        Cmd: [...argv],
        Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
        User: PROGRAM_USER,
        WorkingDir: WORK_DIRECTORY,
        AttachStdin: true,
        AttachStdout: true,
        AttachStderr: true,
      })
      .catch(fault);
    const connection = await exec.start({ hijack: true, stdin: true }).catch(fault);
    connection.on('error', () => undefined);
    return {
      connection,
      async exitCode() {
        const state = await exec.inspect().catch(() => undefined);
        return state?.Running ? 'running' : (state?.ExitCode ?? null);
      },
    };
  }

  async read(withinMs: number): Promise<Reading | undefined> {
    return this.#keeper.read(withinMs, this.#outside !== undefined);
  }

  /** CPU time so far for a container whose own kernel does not tell: from outside, and up to a second old. */
  roughCpuMs(): number | null {
    return this.#outside?.cpuMs ?? null;
  }

  /** Whether the container ended by itself, and if so whether for lack of memory. */
  async ownEnd(): Promise<'running' | 'out_of_memory' | 'ended'> {
    await Promise.race([this.#docker.wait().catch(() => undefined), delay(END_NOTED_MS, undefined, { ref: false })]);
    const state = await this.#docker.inspect().then(
      (all) => all.State,
      () => undefined,
    );
    if (state?.Running) return 'running';
    // Nobody inside can kill the first process and we did not: the kernel did, even where the flag comes later.
    return state?.OOMKilled || state?.ExitCode === KILLED ? 'out_of_memory' : 'ended';
  }

  /** Kills everything in the container. */
  async kill(): Promise<void> {
    await this.#docker.kill().catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#keeper.hangUp();
    this.#outside?.stop();
    // An engine that does not answer keeps a container that has ended; it is removed at the next start.
    await removeContainer(this.#docker).catch(() => undefined);
  }
}
