import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { IsolationReceipt, RunSpec } from '@assay/contract/runner';
import type { Engine, EngineRefusal, Outcome, OutputSink } from '../../engine.ts';
import { judge } from '../../verdict/verdict.ts';
import type { InterpreterEnd } from './interpreter-thread.ts';
import { InterpreterThread } from './interpreter-thread.ts';
import type { Program } from './worker-messages.ts';

/** An idle thread holds about 10 MB; without work for this long it is let go. */
const IDLE_KEPT_MS = 60_000;

/**
 * JavaScript in a WebAssembly interpreter, in a thread of its own: no process, no file system, no network, no host
 * object. The program gets the language, a console, timers, and `scriptArgs` and `std` as the `qjs` command has them.
 */
export async function createQuickJsEngine(): Promise<Engine | EngineRefusal> {
  try {
    const [binary, manifest, prelude] = await Promise.all([
      readFile(packageFile('quickjs-wasi/quickjs.wasm')),
      readFile(packageFile('quickjs-wasi/package.json'), 'utf8'),
      readPrelude(new URL('./guest/', import.meta.url)),
    ]);
    const { version } = JSON.parse(manifest) as { version: string };
    return new QuickJsEngine(await WebAssembly.compile(binary), prelude, `quickjs-wasi ${version}`);
  } catch (error) {
    const reason = `The QuickJS interpreter could not be loaded: ${error instanceof Error ? error.message : error}`;
    return { engine: 'quickjs', reason, fix: 'Install the dependencies of the lockfile: npm ci.' };
  }
}

const packageFile = (specifier: string): string => fileURLToPath(import.meta.resolve(specifier));

async function readPrelude(folder: URL): Promise<Record<string, string>> {
  const names = await readdir(folder);
  const sources = names.map(async (name) => [`prelude:${name}`, await readFile(new URL(name, folder), 'utf8')]);
  return Object.fromEntries(await Promise.all(sources));
}

class QuickJsEngine implements Engine {
  readonly name = 'quickjs';
  readonly level = 'language';
  readonly version: string;
  readonly languages = ['javascript'];
  readonly missing = [];
  readonly #quickjs: WebAssembly.Module;
  readonly #prelude: Record<string, string>;
  readonly #idle: { thread: InterpreterThread; expiry: NodeJS.Timeout }[] = [];

  constructor(quickjs: WebAssembly.Module, prelude: Record<string, string>, version: string) {
    this.#quickjs = quickjs;
    this.#prelude = prelude;
    this.version = version;
  }

  async run(spec: RunSpec, sink: OutputSink, signal: AbortSignal): Promise<Outcome> {
    const refusal = refusalOf(spec);
    if (refusal) return { ...this.#blank(), reason: 'setup_failed', message: refusal };
    const idle = this.#idle.pop();
    clearTimeout(idle?.expiry);
    const thread = idle?.thread ?? new InterpreterThread(this.#quickjs, this.#prelude);
    try {
      const startedAt = performance.now();
      const end = await thread.run(programOf(spec), sink, { wallMs: spec.limits.wall_ms, signal });
      const runtimeMs = performance.now() - startedAt;
      return { ...this.#blank(), ...conclusionOf(end, spec), runtimeMs };
    } finally {
      if (thread.reusable) this.#keep(thread);
      else await thread.terminate();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#idle.splice(0).map(({ thread }) => thread.terminate()));
  }

  #keep(thread: InterpreterThread): void {
    const expire = (): void => {
      const at = this.#idle.findIndex((idle) => idle.thread === thread);
      if (at >= 0) this.#idle.splice(at, 1);
      void thread.terminate();
    };
    this.#idle.push({ thread, expiry: setTimeout(expire, IDLE_KEPT_MS).unref() });
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
      receipt: receiptOf(this.version),
    };
  }
}

/** What a program without a process or a file system cannot be given; every other limit holds by itself. */
function refusalOf(spec: RunSpec): string | undefined {
  if (spec.language !== 'javascript') {
    return `The quickjs engine runs javascript only, not ${spec.language}: choose another engine.`;
  }
  if (spec.limits.cpus < 1) {
    return 'The quickjs engine can not hold limits.cpus below 1: ask for 1, or choose another engine.';
  }
  if (spec.outputs.length > 0) {
    return 'The quickjs engine has no file system to bring outputs back from: print the result, or choose another engine.';
  }
  return undefined;
}

function programOf(spec: RunSpec): Program {
  return {
    code: spec.code,
    stdin: spec.stdin,
    args: spec.args,
    env: spec.env,
    files: spec.files.map((file) => ({ path: file.path, content: Buffer.from(file.content, 'base64') })),
    cpuMs: spec.limits.cpu_ms,
    memoryMb: spec.limits.memory_mb,
    outputBytes: spec.limits.output_bytes,
  };
}

function conclusionOf(end: InterpreterEnd, spec: RunSpec): Partial<Outcome> {
  const killed = end.reason === 'exit' ? null : end.reason;
  const nothing = { memoryKills: 0, refusedForks: 0, diskFull: false };
  return {
    ...judge({ ...nothing, killed, exitCode: end.exitCode, limits: spec.limits }),
    outputTruncated: killed === 'output_limit',
    cpuMs: end.cpuMs,
    memoryPeakMb: end.memoryPeakMb,
  };
}

/** `none` says that there is nothing to confine: the program has no files, no network and no processes. */
function receiptOf(version: string): IsolationReceipt {
  return {
    engine: 'quickjs',
    level: 'language',
    version,
    filesystem: 'none',
    network: 'none',
    processes: 'none',
    memory: 'interpreter',
    cpu: 'interpreter',
    pids: 'none',
    disk: 'none',
    seccomp: false,
    uid: 'shared',
    prestarted: false,
    missing: [],
    self_test: '',
  };
}
