import type { IsolationReceipt, RunSpec } from '@assay/contract/runner';
import type { Engine, Outcome, OutputSink } from '../../engine.ts';
import { findLanguage } from '../../languages/catalogue.ts';
import type { Toolchain } from '../../languages/language.ts';
import { encodeParcel } from '../bubblewrap/parcel.ts';
import type { RootTree } from '../bubblewrap/root-tree.ts';
import { BOX_NODE } from '../bubblewrap/root-tree.ts';
import type { UserRange } from '../bubblewrap/user-range.ts';
import type { Stage, StageResult } from '../staged-run.ts';
import { notRun, outcomeOf, refuseRun, runStages } from '../staged-run.ts';
import { followStage } from '../warden/follow-stage.ts';
import { sandboxBundle, WORK_DIRECTORY } from './bundle.ts';
import type { SandboxMachine } from './sandbox.ts';
import { Sandbox } from './sandbox.ts';

/** What the engine found on this machine. */
export type GvisorFacts = {
  machine: SandboxMachine;
  root: RootTree;
  /** Null when the runner is no root: then all sandboxes run as its own user. */
  users: UserRange | null;
  directory: string;
  version: string;
};

/** Below these the sandbox's own shell and Perl cannot start. */
const LEAST = { memory_mb: 16, open_files: 32 };
const COUNTED = 'Processes and threads are counted twenty times a second, not held exactly.';
const SHARED_USER = 'All runs share the host user of the runner.';

/** Runs each stage in a gVisor sandbox of its own. */
export class GvisorEngine implements Engine {
  readonly name = 'gvisor';
  readonly level = 'kernel';
  readonly version: string;
  readonly languages: readonly string[];
  readonly missing: readonly string[];
  readonly #facts: GvisorFacts;
  readonly #toolchains: ReadonlyMap<string, Toolchain>;
  readonly #resources: AsyncDisposableStack;
  readonly #closing = new AbortController();
  readonly #stages = new Set<Promise<unknown>>();
  /** Numbers of the sandboxes that exist: each has a directory, a group and a host user by its number. */
  readonly #taken = new Set<number>();

  /** `resources` are what the engine holds; they go with it. */
  constructor(facts: GvisorFacts, toolchains: readonly Toolchain[], resources: AsyncDisposableStack) {
    this.#facts = facts;
    this.#resources = resources;
    this.#toolchains = new Map(toolchains.map((toolchain) => [toolchain.language.name, toolchain]));
    this.version = `gVisor ${facts.version}`;
    this.languages = [...this.#toolchains.keys()];
    this.missing = facts.users ? [COUNTED] : [COUNTED, SHARED_USER];
  }

  async run(spec: RunSpec, sink: OutputSink, signal: AbortSignal): Promise<Outcome> {
    const toolchain = this.#toolchains.get(findLanguage(spec.language)?.name ?? '');
    const refusal = toolchain
      ? refuseRun(this.name, spec, LEAST)
      : `This runner has no ${spec.language} for the gvisor engine.`;
    const receipt = this.#receipt();
    if (!toolchain || refusal !== undefined) {
      return { ...outcomeOf(notRun('setup_failed', refusal ?? ''), null), receipt };
    }
    const { language, program } = toolchain;
    const inside = language.commands.length === 0 ? BOX_NODE : program;
    const plan = { spec, language, program: inside, work: WORK_DIRECTORY, env: {} };
    return { ...(await runStages(plan, (stage, over) => this.runStage(stage, over), sink, signal)), receipt };
  }

  /** Runs one program in a fresh sandbox. */
  async runStage(stage: Stage, signal: AbortSignal): Promise<StageResult> {
    const running = this.#runIn(this.#takeNumber(), stage, AbortSignal.any([signal, this.#closing.signal]));
    this.#stages.add(running);
    try {
      return await running;
    } finally {
      this.#stages.delete(running);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#stages);
    await this.#resources.disposeAsync();
  }

  async #runIn(number: number, stage: Stage, signal: AbortSignal): Promise<StageResult> {
    const { machine, root, users, directory } = this.#facts;
    const { argv, env, files, stdin, limits } = stage;
    const input = Buffer.concat([encodeParcel({ argv, env, files }), Buffer.from(stdin)]);
    const bundle = sandboxBundle(root, limits, stage.outputs.length > 0);
    const uid = users ? users.base + 1 + number : undefined;
    try {
      const place = { directory: `${directory}/${number}`, name: String(number), uid };
      await using sandbox = await Sandbox.start(machine, place, { bundle, input, limits });
      return await followStage(sandbox, stage, signal);
    } finally {
      this.#taken.delete(number);
    }
  }

  #takeNumber(): number {
    let number = 0;
    while (this.#taken.has(number)) number += 1;
    this.#taken.add(number);
    return number;
  }

  #receipt(): IsolationReceipt {
    return {
      engine: 'gvisor',
      level: 'kernel',
      version: this.version,
      filesystem: 'container',
      network: 'none',
      processes: 'container',
      memory: 'cgroup',
      cpu: 'cgroup',
      pids: 'container',
      disk: 'tmpfs',
      seccomp: true,
      uid: this.#facts.users ? 'per-run' : 'shared',
      prestarted: false,
      missing: [...this.missing],
      self_test: '',
    };
  }
}
