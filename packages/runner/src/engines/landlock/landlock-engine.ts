import type { IsolationReceipt, RunLimits, RunSpec } from '@assay/contract/runner';
import type { Engine, Outcome, OutputSink } from '../../engine.ts';
import { findLanguage } from '../../languages/catalogue.ts';
import type { Toolchain } from '../../languages/language.ts';
import { shellLimits } from '../bubblewrap/box-plan.ts';
import { encodeParcel } from '../bubblewrap/parcel.ts';
import type { UserRange } from '../bubblewrap/user-range.ts';
import type { Stage, StageResult } from '../staged-run.ts';
import { notRun, outcomeOf, refuseRun, runStages } from '../staged-run.ts';
import { followStage } from '../warden/follow-stage.ts';
import { LandlockSandbox } from './sandbox.ts';
import { tasksOfUser } from './user-tasks.ts';

/** What the engine found on this machine. */
export type LandlockFacts = {
  abi: number;
  /** Null when the runner is no root: then all runs share its own user. */
  users: UserRange | null;
  directory: string;
  /** Where the programs of this engine lie: `warden.pl`, `confine.pl`, `filter`, `node`. */
  tools: string;
  /** Numbers of system calls for confine.pl, and that of prctl for the warden. */
  numbers: string;
  prctl: number;
  /** What programs may read and run. */
  readable: readonly string[];
};

export const PERL = '/usr/bin/perl';
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8' };
/** Where a run takes place: a directory that no other run has had, and a host user that no other one has now. */
type Place = { directory: string; uid: number | undefined };

/** Below these the shell and Perl that start a program cannot run. */
const LEAST: Partial<RunLimits> = { memory_mb: 16, open_files: 16, processes: 2 };
const FIRST_WITH_SIGNALS = 6;
const APPROXIMATE = 'Totals of memory, CPU time and files are added up many times a second, not held exactly.';

/** Runs programs that Landlock and a system-call filter confine, each in a working directory of its own. */
export class LandlockEngine implements Engine {
  readonly name = 'landlock';
  readonly level = 'reduced';
  readonly version: string;
  readonly languages: readonly string[];
  readonly missing: readonly string[];
  readonly #facts: LandlockFacts;
  readonly #toolchains: ReadonlyMap<string, Toolchain>;
  readonly #resources: AsyncDisposableStack;
  readonly #closing = new AbortController();
  readonly #runs = new Set<Promise<unknown>>();
  /** Numbers of the runs that go on: each has a host user by its number. */
  readonly #taken = new Set<number>();
  #started = 0;

  /** `resources` are what the engine holds; they go with it. */
  constructor(facts: LandlockFacts, toolchains: readonly Toolchain[], resources: AsyncDisposableStack) {
    this.#facts = facts;
    this.#resources = resources;
    this.#toolchains = new Map(toolchains.map((toolchain) => [toolchain.language.name, toolchain]));
    this.version = `Landlock ABI ${facts.abi}`;
    this.languages = [...this.#toolchains.keys()];
    this.missing = [
      APPROXIMATE,
      ...(facts.users ? [] : ['All runs share the host user of the runner.']),
      ...(facts.abi >= FIRST_WITH_SIGNALS
        ? []
        : ['Landlock of this kernel does not hold signals: only the host user keeps a program from sending them.']),
    ];
  }

  async run(spec: RunSpec, sink: OutputSink, signal: AbortSignal): Promise<Outcome> {
    const toolchain = this.#toolchains.get(findLanguage(spec.language)?.name ?? '');
    const refusal = toolchain
      ? refuseRun(this.name, spec, LEAST)
      : `This runner has no ${spec.language} for the landlock engine.`;
    const receipt = this.#receipt();
    if (!toolchain || refusal !== undefined) {
      return { ...outcomeOf(notRun('setup_failed', refusal ?? ''), null), receipt };
    }
    const { language, program } = toolchain;
    const inside = language.commands.length === 0 ? `${this.#facts.tools}/node` : program;
    return this.#numbered(async (place) => {
      const plan = { spec, language, program: inside, work: `${place.directory}/work`, env: {} };
      const over = AbortSignal.any([signal, this.#closing.signal]);
      const runStage = (stage: Stage, ending: AbortSignal) => this.#runStage(place, stage, ending, language.reservedMb);
      return { ...(await runStages(plan, runStage, sink, over)), receipt };
    });
  }

  /** Runs one program that is no one's run. */
  async tryOut(stage: Stage): Promise<StageResult> {
    return this.#numbered((place) => this.#runStage(place, stage, this.#closing.signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#runs);
    await this.#resources.disposeAsync();
  }

  async #runStage(place: Place, stage: Stage, signal: AbortSignal, reservedMb = 0): Promise<StageResult> {
    const { argv, env, files, stdin, limits } = stage;
    const { uid } = place;
    const others = uid === undefined ? await tasksOfUser(process.getuid?.() ?? 0) : 0;
    await using sandbox = await LandlockSandbox.start(place, {
      command: (work) => this.#command(work, { uid, others, reservedMb }, limits),
      environment: (work) => ({ ...ENVIRONMENT, HOME: work, TMPDIR: work }),
      input: Buffer.concat([encodeParcel({ argv, env, files }), Buffer.from(stdin)]),
    });
    return await followStage(sandbox, stage, signal);
  }

  /** The warden, which becomes the program's user; then what confines it; then its limits; then the program. */
  #command(
    work: string,
    { uid, others, reservedMb }: { uid: number | undefined; others: number; reservedMb: number },
    limits: RunLimits,
  ): string[] {
    const { tools, numbers, prctl, readable } = this.#facts;
    const shell = shellLimits({
      diskMb: limits.disk_mb,
      fileSizeMb: limits.file_size_mb,
      openFiles: limits.open_files,
      perProcess: {
        // What a runtime reserves and does not use is no memory yet; what it uses is added up.
        memoryMb: limits.memory_mb + reservedMb,
        // The kernel counts all tasks of a user: those of the runner and of other runs as well, when it is shared.
        processes: limits.processes + others,
        cpuSeconds: Math.ceil(limits.cpu_ms / 1000) + 1,
      },
    });
    return [
      ...[PERL, `${tools}/warden.pl`, String(uid ?? process.getuid?.()), '0', '0', String(prctl)],
      ...[PERL, `${tools}/confine.pl`, numbers, `${tools}/filter`, work],
      ...[...readable.map((path) => `read=${path}`), 'use=/dev/null', '--'],
      ...['/bin/sh', '-c', `${shell.join(' && ')} && exec "$@"`, 'sh'],
    ];
  }

  async #numbered<T>(work: (place: Place) => Promise<T>): Promise<T> {
    let number = 0;
    while (this.#taken.has(number)) number += 1;
    this.#taken.add(number);
    this.#started += 1;
    const { users, directory } = this.#facts;
    const uid = users ? users.base + 1 + number : undefined;
    const running = work({ directory: `${directory}/${this.#started}`, uid });
    this.#runs.add(running);
    try {
      return await running;
    } finally {
      this.#runs.delete(running);
      this.#taken.delete(number);
    }
  }

  #receipt(): IsolationReceipt {
    return {
      engine: 'landlock',
      level: 'reduced',
      version: this.version,
      filesystem: 'landlock',
      network: 'seccomp',
      processes: this.#facts.abi >= FIRST_WITH_SIGNALS ? 'landlock' : 'none',
      memory: 'rlimit+poll',
      cpu: 'rlimit',
      pids: 'rlimit',
      disk: 'rlimit+poll',
      seccomp: true,
      uid: this.#facts.users ? 'per-run' : 'shared',
      prestarted: false,
      missing: [...this.missing],
      self_test: '',
    };
  }
}
