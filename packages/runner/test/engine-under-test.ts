import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { RunLimits, RunSpec } from '@assay/contract/runner';
import { openGroups } from '../src/cgroup/open-groups.ts';
import type { Engine, EngineRefusal, Outcome } from '../src/engine.ts';
import { createBubblewrapEngine } from '../src/engines/bubblewrap/create-bubblewrap-engine.ts';
import { closeInheritedDescriptors } from '../src/inherited-descriptors.ts';
import { detectLanguages } from '../src/languages/detection.ts';

export const TEST_LIMITS: RunLimits = {
  wall_ms: 10_000,
  cpu_ms: 10_000,
  memory_mb: 256,
  processes: 64,
  cpus: 1,
  output_bytes: 1 << 20,
  file_size_mb: 64,
  disk_mb: 64,
  open_files: 256,
};

export type Asked = Partial<Omit<RunSpec, 'limits' | 'language' | 'code'>> & {
  limits?: Partial<RunLimits>;
  signal?: AbortSignal;
};

export type Ran = Outcome & { stdout: string; stderr: string };

/** Runs a program as a lease would, and gathers what it printed. */
export async function runProgram(engine: Engine, language: string, code: string, asked: Asked = {}): Promise<Ran> {
  const { limits, signal, ...rest } = asked;
  const spec: RunSpec = {
    language,
    engine: engine.name,
    code,
    stdin: '',
    args: [],
    env: {},
    files: [],
    outputs: [],
    ...rest,
    limits: { ...TEST_LIMITS, ...limits },
  };
  const printed: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  const outcome = await engine.run(
    spec,
    { write: (stream, bytes) => void printed[stream].push(Buffer.from(bytes)) },
    signal ?? new AbortController().signal,
  );
  const text = (stream: 'stdout' | 'stderr') => Buffer.concat(printed[stream]).toString('utf8');
  return { ...outcome, stdout: text('stdout'), stderr: text('stderr') };
}

/** A bubblewrap engine for one test file. Fails the test when this machine cannot have it. */
export async function openBubblewrap(options: { cgroups: boolean; warm?: number; slots?: number }): Promise<Engine> {
  // As the runner program does first of all.
  closeInheritedDescriptors();
  await using resources = new AsyncDisposableStack();
  const directory = mkdtempSync(`${tmpdir()}/assay-engine-`);
  resources.defer(() => rm(directory, { recursive: true, force: true }));
  const access = options.cgroups ? openGroups(undefined) : { groups: null, reason: 'switched off by the test' };
  resources.defer(() => access.groups?.close());
  if (options.cgroups && access.groups === null) throw new Error(`No cgroups here: ${access.reason}`);
  const trouble: unknown[] = [];
  const { toolchains } = await detectLanguages();
  const engine = await createBubblewrapEngine({
    directory: `${directory}/boxes`,
    toolchains,
    groups: access.groups,
    slots: options.slots ?? 2,
    warm: options.warm ?? 0,
    onTrouble: (error) => void trouble.push(error),
  });
  const opened = resources.use(expectEngine(engine));
  const moved = resources.move();
  return withDisposal(opened, async () => {
    await moved.disposeAsync();
    if (trouble.length > 0) throw new AggregateError(trouble, 'The engine had trouble during the test.');
  });
}

/** Turns a refusal into a failed test. */
export function expectEngine(made: Engine | EngineRefusal): Engine {
  if ('run' in made) return made;
  throw new Error(`The ${made.engine} engine is refused: ${made.reason}. ${made.fix}`);
}

function withDisposal(engine: Engine, dispose: () => Promise<void>): Engine {
  return {
    name: engine.name,
    level: engine.level,
    version: engine.version,
    languages: engine.languages,
    missing: engine.missing,
    run: (...run) => engine.run(...run),
    [Symbol.asyncDispose]: dispose,
  };
}
