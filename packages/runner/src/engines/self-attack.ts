import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { RunSpec } from '@assay/contract/runner';
import type { Engine, EngineRefusal, Outcome, OutputSink } from '../engine.ts';
import type { CanaryGround } from './canary-ground.ts';
import { allGone, CanaryListener } from './canary-ground.ts';

/** One thing that was tried against an engine. */
export type Canary = { name: string; held: boolean; detail: string };

/** What was tried against an engine, and what came of it. Receipts carry its hash. */
export type AttackReport = { engine: string; version: string; level: string; canaries: Canary[] };

type Probe = { language: string; file: string; reach: readonly string[] };

/** Languages that the attack is written in; the first one that the engine has is used. */
const PROBES: readonly Probe[] = [
  { language: 'python', file: 'probe.py', reach: ['file', 'environment', 'network', 'hypervisor', 'core_pattern'] },
  { language: 'perl', file: 'probe.pl', reach: ['file', 'environment', 'network', 'hypervisor', 'core_pattern'] },
  { language: 'javascript', file: 'probe.js', reach: ['file', 'environment', 'network', 'core_pattern'] },
];

const MEMORY_MB = 128;
const PROCESSES = 48;
const LIMITS: RunSpec['limits'] = {
  wall_ms: 10_000,
  cpu_ms: 5000,
  memory_mb: MEMORY_MB,
  processes: PROCESSES,
  cpus: 1,
  output_bytes: 64 << 10,
  file_size_mb: 16,
  disk_mb: 16,
  open_files: 128,
};

/** Attacks an engine as a hostile program would. The engine comes back, its receipts signed off, only if all held. */
export async function attackEngine(engine: Engine, ground: CanaryGround): Promise<Engine | EngineRefusal> {
  const probe = PROBES.find(({ language }) => engine.languages.includes(language));
  if (!probe) {
    const languages = PROBES.map(({ language }) => language).join(', ');
    const reason = `the self-attack needs one of ${languages}, and the engine has none of them`;
    return { engine: engine.name, reason, fix: 'Install python3.' };
  }
  const canaries = await new Attack(engine, ground, probe).all();
  const failed = canaries.filter(({ held }) => !held);
  if (failed.length > 0) {
    const reason = `the self-attack got through: ${failed.map(({ name, detail }) => `${name} (${detail})`).join(', ')}`;
    return {
      engine: engine.name,
      reason,
      fix: 'Do not use this engine on this machine; report this as a security issue.',
    };
  }
  return signedOff(engine, { engine: engine.name, version: engine.version, level: engine.level, canaries });
}

class Attack {
  readonly #engine: Engine;
  readonly #ground: CanaryGround;
  readonly #probe: Probe;

  constructor(engine: Engine, ground: CanaryGround, probe: Probe) {
    this.#engine = engine;
    this.#ground = ground;
    this.#probe = probe;
  }

  async all(): Promise<Canary[]> {
    return [...(await this.#reach()), await this.#memory(), await this.#forks()];
  }

  /** What must be out of reach. Each attempt has to report: a probe that died early has shown nothing. */
  async #reach(): Promise<Canary[]> {
    await using listener = await CanaryListener.open();
    const { reports, detail } = await this.#run('reach', { port: listener.port });
    return this.#probe.reach.map((name) => {
      const reported = reports.get(name);
      const held = reported === 'held' && (name !== 'network' || listener.hits === 0);
      return { name, held, detail: reported ?? `did not report; ${detail}` };
    });
  }

  /** Twice the memory it may have. */
  async #memory(): Promise<Canary> {
    const { reports, detail, outcome } = await this.#run('memory', { amount: 2 * MEMORY_MB });
    const held = reports.get('memory') !== 'LEAK' && outcome.reason !== 'setup_failed';
    return { name: 'memory', held, detail };
  }

  /** More children than it may have, half of them in sessions of their own, and none waited for. */
  async #forks(): Promise<Canary> {
    const mark = `cny${randomBytes(5).toString('hex')}`;
    const { reports, detail, outcome } = await this.#run('forks', { amount: 200, mark });
    if (reports.get('forks') === 'LEAK') return { name: 'forks', held: false, detail: 'all 200 were made' };
    if (!(await allGone(mark))) return { name: 'forks', held: false, detail: 'some were left running' };
    return { name: 'forks', held: outcome.reason !== 'setup_failed', detail };
  }

  async #run(
    attack: string,
    { port = 0, amount = 0, mark = '-' }: { port?: number; amount?: number; mark?: string },
  ): Promise<{ reports: Map<string, string>; detail: string; outcome: Outcome }> {
    const reversed = [...this.#ground.secret].reverse().join('');
    const args = [attack, this.#ground.file, reversed, String(port), String(amount), mark];
    const text = await readFile(new URL(`./probes/${this.#probe.file}`, import.meta.url), 'utf8');
    const code = this.#probe.language === 'javascript' ? `const ARGUMENTS = ${JSON.stringify(args)};\n${text}` : text;
    const printed: Buffer[] = [];
    const sink: OutputSink = { write: (_, bytes) => void printed.push(Buffer.from(bytes)) };
    const outcome = await this.#engine.run(this.#spec(code, args), sink, new AbortController().signal);
    const lines = Buffer.concat(printed)
      .toString('utf8')
      .split('\n')
      .map((line) => line.split(' '));
    const reports = new Map(lines.map(([name = '', result = '']) => [name, result]));
    return { reports, detail: outcome.message || outcome.reason, outcome };
  }

  #spec(code: string, args: string[]): RunSpec {
    const { language } = this.#probe;
    const engine = this.#engine.name;
    return { language, engine, code, args, stdin: '', env: {}, files: [], outputs: [], limits: LIMITS };
  }
}

/** The engine, with the hash of its report in every receipt. */
function signedOff(engine: Engine, report: AttackReport): Engine {
  const selfTest = createHash('sha256').update(JSON.stringify(report)).digest('hex');
  return {
    name: engine.name,
    level: engine.level,
    version: engine.version,
    languages: engine.languages,
    missing: engine.missing,
    async run(spec, sink, signal) {
      const outcome = await engine.run(spec, sink, signal);
      return { ...outcome, receipt: { ...outcome.receipt, self_test: selfTest } };
    },
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}
