import type { IsolationLevel, IsolationReceipt, RunSpec } from '@assay/contract/runner';
import type { ControlGroups } from '../../cgroup/control-group.ts';
import type { Engine, Outcome, OutputSink } from '../../engine.ts';
import { findLanguage } from '../../languages/catalogue.ts';
import { COMPILE_LIMITS } from '../../languages/compile-limits.ts';
import type { Toolchain } from '../../languages/language.ts';
import { sourcesOf } from '../staged-run.ts';
import type { BoxHouse } from './box-house.ts';
import { boxKindFor, boxShape } from './box-plan.ts';
import { refuseSpec } from './refuse-spec.ts';
import { BOX_NODE } from './root-tree.ts';
import type { Step, StepResult } from './run-step.ts';
import { notRun } from './run-step.ts';

/** What the engine found on this machine, and tells about itself. */
export type BubblewrapFacts = { version: string; perRunUser: boolean; groups: ControlGroups | null; missing: string[] };

/** Runs programs in bubblewrap boxes: in one that was started ahead where that makes no difference to the program. */
export class BubblewrapEngine implements Engine {
  readonly name = 'bubblewrap';
  readonly level: IsolationLevel;
  readonly version: string;
  readonly languages: readonly string[];
  readonly missing: readonly string[];
  readonly #toolchains: ReadonlyMap<string, Toolchain>;
  readonly #house: BoxHouse;
  readonly #facts: BubblewrapFacts;

  readonly #resources: AsyncDisposableStack;

  /** `resources` are what the engine holds, `house` among them; they go with it. */
  constructor(
    facts: BubblewrapFacts,
    toolchains: readonly Toolchain[],
    house: BoxHouse,
    resources: AsyncDisposableStack,
  ) {
    this.#facts = facts;
    this.#house = house;
    this.#resources = resources;
    this.#toolchains = new Map(toolchains.map((toolchain) => [toolchain.language.name, toolchain]));
    this.level = facts.groups ? 'strong' : 'standard';
    this.version = `bubblewrap ${facts.version}`;
    this.languages = [...this.#toolchains.keys()];
    this.missing = facts.missing;
  }

  async run(spec: RunSpec, sink: OutputSink, signal: AbortSignal): Promise<Outcome> {
    const toolchain = this.#toolchains.get(findLanguage(spec.language)?.name ?? '');
    const refusal = toolchain ? refuseSpec(spec) : `This runner has no ${spec.language} for the bubblewrap engine.`;
    if (!toolchain || refusal !== undefined) return this.#outcome(notRun('setup_failed', refusal ?? ''), false);
    const sources = sourcesOf(spec, toolchain.language);
    const compiled = await this.#compile(toolchain, spec, sources, signal);
    if (compiled && compiled.result.reason !== 'ok') return this.#notCompiled(compiled, spec, sink);
    const artefacts = compiled?.result.files ?? [];
    return this.#runProgram(toolchain, spec, [...sources, ...artefacts], {
      sink,
      signal,
      compileMs: compiled?.result.runtimeMs,
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }

  async #runProgram(
    toolchain: Toolchain,
    spec: RunSpec,
    files: Step['parcel']['files'],
    { sink, signal, compileMs }: { sink: OutputSink; signal: AbortSignal; compileMs: number | undefined },
  ): Promise<Outcome> {
    const { language } = toolchain;
    const kind = boxKindFor(toolchain, spec.env);
    const place = { work: '/work', program: programIn(toolchain), memoryMb: spec.limits.memory_mb };
    const argv = kind === 'any' ? [...language.run(place), ...spec.args] : spec.args;
    const parcel = { argv, env: { ...language.environment, ...spec.env }, files };
    const step = { parcel, stdin: spec.stdin, limits: spec.limits, outputs: spec.outputs, sink };
    const { result, startedAhead } = await this.#house.run(
      kind,
      boxShape(spec.limits, this.#facts.groups, language.reservedMb),
      step,
      signal,
    );
    return { ...this.#outcome(result, startedAhead && kind !== 'any'), compileMs: compileMs ?? null };
  }

  /** Compiles in a box of its own: nothing of the compiler is left when the program starts, least of all its memory. */
  async #compile(
    toolchain: Toolchain,
    spec: RunSpec,
    files: Step['parcel']['files'],
    signal: AbortSignal,
  ): Promise<Compiled | undefined> {
    const { language } = toolchain;
    if (!language.compile) return undefined;
    const limits = COMPILE_LIMITS;
    const said: Buffer[] = [];
    const argv = language.compile.argv({ work: '/work', program: programIn(toolchain), memoryMb: limits.memory_mb });
    const step: Step = {
      parcel: { argv, env: { ...language.environment, ...spec.env }, files },
      stdin: '',
      limits,
      outputs: language.compile.artefacts,
      sink: { write: (_, bytes) => void said.push(Buffer.from(bytes)) },
    };
    const { result } = await this.#house.run('any', boxShape(limits, this.#facts.groups), step, signal);
    return { result, said: Buffer.concat(said) };
  }

  async #notCompiled({ result, said }: Compiled, spec: RunSpec, sink: OutputSink): Promise<Outcome> {
    const shown = said.subarray(0, spec.limits.output_bytes);
    if (shown.length > 0) await sink.write('stderr', shown);
    const ours = result.reason === 'cancelled' || result.reason === 'setup_failed';
    const message = result.message.replace('The program', 'The compiler');
    const outcome = this.#outcome({ ...result, files: [], skipped: [], runtimeMs: 0 }, false);
    const truncated = result.truncated || shown.length < said.length;
    const reason = ours ? result.reason : 'compile_error';
    return { ...outcome, reason, message, compileMs: result.runtimeMs, outputTruncated: truncated };
  }

  #outcome({ truncated, skipped, ...result }: StepResult, prestarted: boolean): Outcome {
    return {
      ...result,
      outputTruncated: truncated,
      compileMs: null,
      filesSkipped: skipped,
      receipt: this.#receipt(prestarted),
    };
  }

  #receipt(prestarted: boolean): IsolationReceipt {
    const accounted = this.#facts.groups !== null;
    return {
      engine: 'bubblewrap',
      level: this.level,
      version: this.version,
      filesystem: 'namespace',
      network: 'namespace',
      processes: 'namespace',
      memory: accounted ? 'cgroup' : 'rlimit+poll',
      cpu: accounted ? 'cgroup' : 'rlimit',
      pids: accounted ? 'cgroup' : 'rlimit',
      disk: 'tmpfs',
      seccomp: true,
      uid: this.#facts.perRunUser ? 'per-run' : 'shared',
      prestarted,
      missing: [...this.missing],
      self_test: '',
    };
  }
}

type Compiled = { result: StepResult; said: Buffer };

/** Node lies elsewhere in a box than on the machine; everything else is where it is. */
const programIn = ({ language, program }: Toolchain): string => (language.commands.length === 0 ? BOX_NODE : program);
