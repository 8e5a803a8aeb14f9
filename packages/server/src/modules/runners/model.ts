import type { RunnerId } from '../../kernel/ids.ts';
import { runnerErrors } from './errors.ts';

/*
 * runner       a process that executes untrusted code under leases; it holds no secrets and no database access
 * offer        what a runner really has on its machine: engines that passed its self-attack, languages, slots
 * engine       a way to confine a program; `level` is how strong it is on that machine
 * requirement  an engine and a language as one word, `bubblewrap/python`: work is matched to runners by it
 * receipt      what isolation a run really had, written by the runner
 */

export const ENGINES = ['bubblewrap', 'landlock', 'docker', 'gvisor', 'quickjs'] as const;
export type EngineName = (typeof ENGINES)[number];

/** Strongest first; the ladder of contract.md section 4. */
export const LEVELS = ['kernel', 'strong', 'container', 'standard', 'reduced', 'language'] as const;
export type Level = (typeof LEVELS)[number];

export type OfferedEngine = {
  engine: EngineName;
  level: Level;
  version: string;
  languages: string[];
  auto: boolean;
  missing: string[];
};
export type RefusedEngine = { engine: EngineName; reason: string; fix: string };
export type OfferedLanguage = { language: string; version: string; compiled: boolean };

/** Programs of workflows are offered among the languages, under names that no language has. */
export const isTool = (language: string): boolean => language.startsWith('tool:');

export type RunnerOffer = {
  name: string;
  version: string;
  slots: number;
  engines: OfferedEngine[];
  refused: RefusedEngine[];
  languages: OfferedLanguage[];
};

export type Runner = RunnerOffer & { id: RunnerId; nodeId: string; lastSeenAt: Date; isConnected: boolean };

export type IsolationReceipt = Record<string, unknown>;

export type RunLimits = {
  wall_ms: number;
  cpu_ms: number;
  memory_mb: number;
  processes: number;
  cpus: number;
  output_bytes: number;
  file_size_mb: number;
  disk_mb: number;
  open_files: number;
};

/** One program with everything a runner needs to run it, and nothing of who asked. */
export type RunSpec = {
  language: string;
  engine: EngineName;
  code: string;
  stdin: string;
  args: string[];
  env: Record<string, string>;
  files: { path: string; content: string }[];
  outputs: string[];
  limits: RunLimits;
};

export type RunReason =
  | 'ok'
  | 'nonzero_exit'
  | 'signal'
  | 'timeout'
  | 'cpu_limit'
  | 'memory_limit'
  | 'output_limit'
  | 'disk_limit'
  | 'process_limit'
  | 'compile_error'
  | 'cancelled'
  | 'setup_failed';

/** How a run ended, as its runner tells. */
export type RunReport = {
  reason: RunReason;
  message: string;
  exitCode: number | null;
  signal: string | null;
  /** What was not sent as output before. */
  stdoutTail: Buffer;
  stderrTail: Buffer;
  stdoutBytes: number;
  stderrBytes: number;
  outputTruncated: boolean;
  runtimeMs: number;
  compileMs: number | null;
  cpuMs: number | null;
  memoryPeakMb: number | null;
  files: { path: string; content: Buffer }[];
  filesSkipped: { path: string; reason: string }[];
  receipt: IsolationReceipt | null;
};

const requirement = (engine: EngineName, language: string): string => `${engine}/${language}`;

/** All that a runner can serve. */
export function requirementsOf(offer: Pick<RunnerOffer, 'engines'>): string[] {
  return offer.engines.flatMap(({ engine, languages }) => languages.map((language) => requirement(engine, language)));
}

/** The level that asking for an engine by name means, whether or not it is offered here. */
const NOMINAL_LEVEL: Record<EngineName, Level> = {
  gvisor: 'kernel',
  docker: 'container',
  bubblewrap: 'standard',
  landlock: 'reduced',
  quickjs: 'language',
};

const strength = (level: Level): number => LEVELS.length - LEVELS.indexOf(level);

export type EngineRequest = { language: string; engine: string; strict: boolean };

/**
 * Chooses the engine that serves a request: the one asked for, else the strongest offered that is at least as strong.
 * `quickjs` serves only those who ask for it by name, or for `auto` where nothing else runs JavaScript.
 * @throws AppError `invalid` when no offered engine satisfies the request, `unavailable` when no engine is offered at all
 */
export function resolveEngine(offers: readonly OfferedEngine[], request: EngineRequest): EngineName {
  if (offers.length === 0) {
    throw runnerErrors.none_available(
      'No runner offers an isolation engine right now, and code never runs without one. `assay doctor` says what is missing.',
      {
        retryAfterMs: 5_000,
      },
    );
  }
  const { language, engine: asked, strict } = request;
  if (asked !== 'auto' && !ENGINES.includes(asked as EngineName)) {
    throw fault('engine_unknown', 'engine', `Unknown engine "${asked}". Use auto or one of: ${ENGINES.join(', ')}.`);
  }
  const serving = offers.filter(({ languages }) => languages.includes(language));
  if (serving.length === 0) {
    const known = [...new Set(offers.flatMap(({ languages }) => languages))].sort();
    throw fault(
      'language_unknown',
      'language',
      `Language "${language}" is not available here. Use one of: ${known.join(', ')}.`,
    );
  }
  const chosen =
    asked === 'auto' ? strongest(serving.filter(({ auto }) => auto)) : serveNamed(serving, asked as EngineName, strict);
  if (chosen) return chosen.engine;
  const offered = serving.map(({ engine, level }) => `${engine} (${level})`).join(', ');
  throw fault(
    'engine_not_offered',
    'engine',
    `No engine here is at least as strong as "${asked}" for ${language}; offered: ${offered}. Ask for one of these, or for auto.`,
  );
}

function serveNamed(serving: readonly OfferedEngine[], asked: EngineName, strict: boolean): OfferedEngine | undefined {
  const same = strongest(serving.filter(({ engine }) => engine === asked));
  if (same || strict || asked === 'quickjs') return same;
  const floor = strength(NOMINAL_LEVEL[asked]);
  return strongest(serving.filter(({ engine, level }) => engine !== 'quickjs' && strength(level) >= floor));
}

const strongest = (offers: readonly OfferedEngine[]): OfferedEngine | undefined =>
  [...offers].sort((a, b) => strength(b.level) - strength(a.level))[0];

const fault = (
  reason: 'engine_unknown' | 'language_unknown' | 'engine_not_offered',
  field: string,
  message: string,
): Error => runnerErrors[reason](message, { faults: [{ field, constraint: 'offered', message }] });
