import type { IsolationLevel, IsolationReceipt, RunSpec } from '@assay/contract/runner';
import type Docker from 'dockerode';
import type { Engine, EngineRefusal, Outcome, OutputSink } from '../../engine.ts';
import { findLanguage } from '../../languages/catalogue.ts';
import type { Stage, StageResult } from '../staged-run.ts';
import { notRun, outcomeOf, refuseRun, runStages } from '../staged-run.ts';
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
const ENVIRONMENT = { HOME: '/tmp', TMPDIR: '/tmp', LANG: 'C.UTF-8' } as const;

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
    const found = this.#images.get(findLanguage(spec.language)?.name ?? '');
    const refusal = found ? refuseRun(this.name, spec, LEAST) : `No image of the docker engine has ${spec.language}.`;
    const receipt = this.#receipt();
    if (!found || refusal !== undefined) return { ...outcomeOf(notRun('setup_failed', refusal ?? ''), null), receipt };
    const { language, image } = found;
    const plan = { spec, language, program: commandIn(language), work: WORK_DIRECTORY, env: ENVIRONMENT };
    const closing = new AbortController();
    this.#running.add(closing);
    try {
      const ending = AbortSignal.any([signal, closing.signal]);
      const runStage = (stage: Stage, over: AbortSignal) => this.#runStage(image, stage, over);
      return { ...(await runStages(plan, runStage, sink, ending)), receipt };
    } finally {
      this.#running.delete(closing);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const closing of this.#running) closing.abort();
    await removeOrphans(this.#docker, `${RUNNER_LABEL}=${this.#kind.runnerId}`);
  }

  async #runStage(image: string, stage: Stage, signal: AbortSignal): Promise<StageResult> {
    const files = stage.files.map(({ path, content }) => ({ path, content: Buffer.from(content), mode: 0o777 }));
    try {
      await using container = await Container.start(this.#docker, this.#kind, { image, limits: stage.limits, files });
      const end = await runStep(container, stage, signal);
      return { ...end, ...(await collectOutputs(container, stage.outputs)) };
    } catch (error) {
      if (!(error instanceof ContainerFault)) throw error;
      return signal.aborted ? notRun('cancelled', 'The run was cancelled.') : notRun('setup_failed', error.message);
    }
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
