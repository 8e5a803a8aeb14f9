import type { RunLimits, RunSpec } from '@assay/contract/runner';
import type { Outcome, OutputSink } from '../engine.ts';
import type { Collected } from '../files/collector.ts';
import { refusePath } from '../files/relative-path.ts';
import { COMPILE_LIMITS } from '../languages/compile-limits.ts';
import type { Language } from '../languages/language.ts';
import type { Verdict } from '../verdict/verdict.ts';

/** One program to run in one sandbox. */
export type Stage = {
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Written into the working directory, all executable. */
  files: readonly { path: string; content: Buffer | string }[];
  stdin: string;
  limits: RunLimits;
  /** Globs of the files to bring back. */
  outputs: readonly string[];
  sink: OutputSink;
};

export type StageResult = Verdict &
  Collected & { truncated: boolean; runtimeMs: number; cpuMs: number | null; memoryPeakMb: number | null };

/** Runs a stage in a fresh sandbox. Rejects only on a bug of ours or of the sink's. */
export type StageRunner = (stage: Stage, signal: AbortSignal) => Promise<StageResult>;

/** A program that does nothing: whether it can be run tells whether a sandbox can be made. */
export const TRIAL: Stage = {
  argv: ['/bin/true'],
  env: {},
  files: [],
  stdin: '',
  limits: {
    wall_ms: 30_000,
    cpu_ms: 30_000,
    memory_mb: 128,
    processes: 16,
    cpus: 1,
    output_bytes: 4096,
    file_size_mb: 1,
    disk_mb: 4,
    open_files: 64,
  },
  outputs: [],
  sink: { write: () => undefined },
};

/** The result of a stage that did not come to run its program. */
export function notRun(reason: 'setup_failed' | 'cancelled', message: string): StageResult {
  const nothing = { exitCode: null, signal: null, files: [], skipped: [], truncated: false };
  return { reason, message, ...nothing, runtimeMs: 0, cpuMs: null, memoryPeakMb: null };
}

/**
 * Runs a program in its stages: compiled where the language needs it, then run. Each stage has a sandbox of its own,
 * so that nothing of the compiler is left when the program starts; the artefacts are carried over.
 */
export async function runStages(
  plan: { spec: RunSpec; language: Language; program: string; work: string; env: Readonly<Record<string, string>> },
  runStage: StageRunner,
  sink: OutputSink,
  signal: AbortSignal,
): Promise<Omit<Outcome, 'receipt'>> {
  const { spec, language, program, work } = plan;
  const env = { ...plan.env, ...language.environment, ...spec.env };
  const sources = sourcesOf(spec, language);
  let compileMs: number | null = null;
  let artefacts: StageResult['files'] = [];
  if (language.compile) {
    const limits = COMPILE_LIMITS;
    const said: Buffer[] = [];
    const argv = language.compile.argv({ work, program, memoryMb: limits.memory_mb });
    const keep = { write: (_stream: string, bytes: Buffer) => void said.push(Buffer.from(bytes)) };
    const compile = { argv, env, files: sources, stdin: '', limits, outputs: language.compile.artefacts, sink: keep };
    const compiled = await runStage(compile, signal);
    if (compiled.reason !== 'ok') return notCompiled(compiled, Buffer.concat(said), spec, sink);
    compileMs = compiled.runtimeMs;
    artefacts = compiled.files;
  }
  const argv = [...language.run({ work, program, memoryMb: spec.limits.memory_mb }), ...spec.args];
  const files = [...sources, ...artefacts];
  const { stdin, limits, outputs } = spec;
  return outcomeOf(await runStage({ argv, env, files, stdin, limits, outputs, sink }, signal), compileMs);
}

/** The files that a program begins with: those that it was given, and its code. */
export const sourcesOf = (spec: RunSpec, { source }: Language): { path: string; content: Buffer | string }[] => [
  ...spec.files.map(({ path, content }) => ({ path, content: Buffer.from(content, 'base64') })),
  ...(source === null ? [] : [{ path: source, content: spec.code }]),
];

/** A stage's result as the outcome of a whole run. */
export function outcomeOf(
  { truncated, skipped, ...result }: StageResult,
  compileMs: number | null,
): Omit<Outcome, 'receipt'> {
  return { ...result, outputTruncated: truncated, filesSkipped: skipped, compileMs };
}

/** The caller's program did not compile, unless it was us who stopped it: then that is the reason. */
async function notCompiled(
  compiled: StageResult,
  said: Buffer,
  spec: RunSpec,
  sink: OutputSink,
): Promise<Omit<Outcome, 'receipt'>> {
  const shown = said.subarray(0, spec.limits.output_bytes);
  if (shown.length > 0) await sink.write('stderr', shown);
  const ours = compiled.reason === 'cancelled' || compiled.reason === 'setup_failed';
  return {
    ...outcomeOf(compiled, compiled.runtimeMs),
    reason: ours ? compiled.reason : 'compile_error',
    message: compiled.message.replace('The program', 'The compiler'),
    exitCode: null,
    signal: null,
    outputTruncated: compiled.truncated || shown.length < said.length,
    files: [],
    filesSkipped: [],
    runtimeMs: 0,
    cpuMs: null,
    memoryPeakMb: null,
  };
}

/** Why an engine cannot give a run what it asks for, in a sentence that names the field; undefined when it can. */
export function refuseRun(engine: string, spec: RunSpec, least: Partial<RunLimits>): string | undefined {
  for (const [name, value] of Object.entries(least)) {
    if (spec.limits[name as keyof RunLimits] < value) {
      return `The ${engine} engine cannot hold limits.${name} below ${value}: ask for more.`;
    }
  }
  for (const { path } of spec.files) {
    const refusal = refusePath(path);
    if (refusal !== undefined) return `The file ${JSON.stringify(path)} is refused: ${refusal}.`;
  }
  const variable = Object.keys(spec.env).find((name) => name === '' || /[=\0]/.test(name));
  if (variable !== undefined) return `The variable ${JSON.stringify(variable)} is refused: it cannot be a name.`;
  const texts = [...spec.args, ...Object.values(spec.env)];
  if (texts.some((text) => text.includes('\0'))) return 'An argument or variable has a zero byte, which ends it.';
  return undefined;
}
