import type { IsolationLevel, IsolationReceipt, RunSpec } from '@assay/contract/runner';
import type Docker from 'dockerode';
import type { Engine, EngineRefusal, Outcome, OutputSink } from '../../engine.ts';
import { refusePath } from '../../files/relative-path.ts';
import { findLanguage } from '../../languages/catalogue.ts';
import { COMPILE_LIMITS } from '../../languages/compile-limits.ts';
import { Container, ContainerFault } from './container.ts';
import type { ContainerKind } from './container-plan.ts';
import { RUNNER_LABEL, WORK_DIRECTORY } from './container-plan.ts';
import type { DaemonAddress, DaemonFacts } from './daemon.ts';
import { connectDaemon, DaemonUnfit, inspectDaemon, removeOrphans } from './daemon.ts';
import type { ImageLanguage } from './images.ts';
import { commandIn, imageLanguages } from './images.ts';
import { collectOutputs } from './outputs.ts';
import { probeImages } from './probe.ts';
import { runStep } from './step.ts';
import type { TarFile } from './tar.ts';

export type DockerOptions = DaemonAddress & {
  /** Names this runner's containers; stable, so that those left by a crash are found. */
  runnerId: string;
  /** Name of a runtime that the container engine knows, such as `runsc` for gVisor. */
  runtime?: string;
  /** Images by language, before the default ones. */
  images?: Readonly<Record<string, string>>;
};

/** Below these a container, or the shell in it, cannot start. */
const LEAST = { memory_mb: 16, open_files: 32 } as const;

/**
 * Programs in containers of a Docker-compatible engine. Level `container`; `kernel` when the configured runtime is seen
 * to bring a kernel of its own. Whoever may use the socket is root on its host, so this engine is never picked by itself.
 */
export async function createDockerEngine(options: DockerOptions): Promise<Engine | EngineRefusal> {
  try {
    const docker = await connectDaemon(options);
    const facts = await inspectDaemon(docker, options.host);
    if (options.runtime !== undefined && !facts.runtimes.includes(options.runtime)) {
      throw new DaemonUnfit(
        `The container engine at ${options.host} has no runtime ${options.runtime}; it has ${facts.runtimes.join(', ')}.`,
        `Add the runtime to the container engine's configuration, or choose one that it has.`,
      );
    }
    await removeOrphans(docker, `${RUNNER_LABEL}=${options.runnerId}`);
    // Until the kernel inside was seen, a configured runtime is given the room that one of its own needs.
    const { runnerId, runtime } = options;
    const kind = { runnerId, runtime, cores: facts.cores, ownKernel: runtime !== undefined };
    const probe = await probeImages(docker, kind, imageLanguages(options.images ?? {}));
    if (!probe.footing) {
      throw new DaemonUnfit(
        `The container engine at ${options.host} has no image that can run a program: ${probe.unfit.join('; ')}.`,
        'Pull an image, for example docker pull python:3.13-slim, or configure the images by language.',
      );
    }
    const ownKernel = !probe.footing.kernel.includes(facts.kernel);
    return new DockerEngine(docker, { ...kind, ownKernel }, facts, probe.languages, probe.footing.seccomp);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const fix = error instanceof DaemonUnfit ? error.fix : 'Look at the log of the container engine.';
    return { engine: 'docker', reason, fix };
  }
}

class DockerEngine implements Engine {
  readonly name = 'docker';
  readonly level: IsolationLevel;
  readonly version: string;
  readonly languages: readonly string[];
  readonly missing: readonly string[];
  readonly #docker: Docker;
  readonly #kind: ContainerKind;
  readonly #images: ReadonlyMap<string, ImageLanguage>;
  readonly #seccomp: boolean;
  readonly #running = new Set<AbortController>();

  constructor(docker: Docker, kind: ContainerKind, facts: DaemonFacts, images: ImageLanguage[], seccomp: boolean) {
    this.#docker = docker;
    this.#kind = kind;
    this.#seccomp = seccomp;
    this.#images = new Map(images.map((image) => [image.language.name, image]));
    this.level = kind.ownKernel ? 'kernel' : 'container';
    this.version = `docker ${facts.version}${kind.runtime === undefined ? '' : ` with ${kind.runtime}`}`;
    this.languages = [...this.#images.keys()];
    this.missing = [
      ...(seccomp || kind.ownKernel ? [] : ['The container engine does not filter system calls.']),
      ...(facts.swapLimit ? [] : ['The container engine does not limit swap.']),
      ...(kind.ownKernel ? ['Processes are counted five times a second and CPU time once, not held exactly.'] : []),
    ];
  }

  async run(spec: RunSpec, sink: OutputSink, signal: AbortSignal): Promise<Outcome> {
    const image = this.#images.get(findLanguage(spec.language)?.name ?? '');
    const refusal = image ? refusalOf(spec) : `No image of the docker engine has ${spec.language}.`;
    if (!image || refusal) return { ...this.#blank(), ...failure('setup_failed', refusal ?? '') };
    const closing = new AbortController();
    this.#running.add(closing);
    try {
      return await this.#runIn(image, spec, sink, AbortSignal.any([signal, closing.signal]));
    } catch (error) {
      if (!(error instanceof ContainerFault)) throw error;
      if (signal.aborted) return { ...this.#blank(), ...failure('cancelled', 'The run was cancelled.') };
      return { ...this.#blank(), ...failure('setup_failed', error.message) };
    } finally {
      this.#running.delete(closing);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const closing of this.#running) closing.abort();
    await removeOrphans(this.#docker, `${RUNNER_LABEL}=${this.#kind.runnerId}`);
  }

  async #runIn(
    { language, image }: ImageLanguage,
    spec: RunSpec,
    sink: OutputSink,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const env = { HOME: '/tmp', TMPDIR: '/tmp', LANG: 'C.UTF-8', ...language.environment, ...spec.env };
    const place = { work: WORK_DIRECTORY, program: commandIn(language), memoryMb: spec.limits.memory_mb };
    const given = spec.files.map((file) => tarFile(file.path, Buffer.from(file.content, 'base64')));
    const sources = [...given, tarFile(language.source, Buffer.from(spec.code, 'utf8'))];
    let compileMs: number | null = null;
    if (language.compile) {
      const argv = language.compile.argv({ ...place, memoryMb: COMPILE_LIMITS.memory_mb });
      const compiled = await this.#compile(
        { image, argv, env, files: sources, artefacts: language.compile.artefacts },
        signal,
      );
      compileMs = compiled.compileMs;
      if (compiled.failure) {
        const shown = compiled.said.subarray(0, spec.limits.output_bytes);
        if (shown.length > 0) await sink.write('stderr', shown);
        return { ...this.#blank(), ...compiled.failure, compileMs };
      }
      sources.push(...compiled.files);
    }
    const { limits } = spec;
    await using container = await Container.start(this.#docker, this.#kind, { image, limits, files: sources });
    const argv = [...language.run(place), ...spec.args];
    const step = await runStep(container, { argv, env, stdin: spec.stdin, limits }, sink, signal);
    const { files, skipped } = await collectOutputs(container, spec.outputs);
    const { truncated, ...outcome } = step;
    return {
      ...this.#blank(),
      ...outcome,
      outputTruncated: truncated,
      compileMs,
      files,
      filesSkipped: skipped,
    };
  }

  /** Builds in a container with a compiler's limits; what the program needs of it is carried over to its own. */
  async #compile(plan: CompilePlan, signal: AbortSignal): Promise<Compiled> {
    const { image, argv, env, files } = plan;
    const limits = COMPILE_LIMITS;
    await using container = await Container.start(this.#docker, this.#kind, { image, limits, files });
    const said: Buffer[] = [];
    const step = await runStep(
      container,
      { argv, env, stdin: '', limits },
      { write: (_stream, bytes) => void said.push(Buffer.from(bytes)) },
      signal,
    );
    const compiled = { compileMs: step.runtimeMs, said: Buffer.concat(said), files: [] };
    if (step.reason === 'cancelled') return { ...compiled, failure: failure('cancelled', step.message) };
    if (step.reason !== 'ok') {
      return { ...compiled, failure: failure('compile_error', step.message.replace('The program', 'The compiler')) };
    }
    const artefacts = await collectOutputs(container, plan.artefacts);
    return { ...compiled, files: artefacts.files.map((file) => tarFile(file.path, file.content)), failure: undefined };
  }

  #blank(): Outcome {
    return {
      reason: 'ok',
      message: '',
      exitCode: null,
      signal: null,
      outputTruncated: false,
      runtimeMs: 0,
      compileMs: null,
      cpuMs: null,
      memoryPeakMb: null,
      files: [],
      filesSkipped: [],
      receipt: this.#receipt(),
    };
  }

  #receipt(): IsolationReceipt {
    return {
      engine: 'docker',
      level: this.level,
      version: this.version,
      filesystem: 'container',
      network: 'namespace',
      processes: 'container',
      memory: 'container',
      cpu: 'container',
      pids: 'container',
      disk: 'tmpfs',
      seccomp: this.#seccomp,
      uid: 'container',
      prestarted: false,
      missing: [...this.missing],
      self_test: '',
    };
  }
}

type CompilePlan = {
  image: string;
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  files: readonly TarFile[];
  artefacts: readonly string[];
};

type Compiled = {
  compileMs: number;
  /** What the compiler wrote, for a caller whose program did not compile. */
  said: Buffer;
  files: TarFile[];
  failure: Pick<Outcome, 'reason' | 'message'> | undefined;
};

const failure = (reason: Outcome['reason'], message: string): Pick<Outcome, 'reason' | 'message'> => ({
  reason,
  message,
});

/** Files are executable, so that a program can bring scripts and start them. */
const tarFile = (path: string, content: Uint8Array): TarFile => ({ path, content, mode: 0o777 });

/** What this engine can not hold or place, by the field's name. */
function refusalOf(spec: RunSpec): string | undefined {
  for (const [name, least] of Object.entries(LEAST) as [keyof typeof LEAST, number][]) {
    if (spec.limits[name] < least) return `The docker engine can not hold limits.${name} below ${least}: ask for more.`;
  }
  for (const { path } of spec.files) {
    const refusal = refusePath(path);
    if (refusal !== undefined) return `The file ${path} is refused: ${refusal}.`;
  }
  return undefined;
}
