import { posix } from 'node:path';
import type { JSValueHandle } from 'quickjs-wasi';
import { EvalFlags, JSException, QuickJS } from 'quickjs-wasi';
import type { OutputChannel } from './output-channel.ts';
import type { Program, ProgramEnd, WorkerSetup } from './worker-messages.ts';
import { CONTROL } from './worker-messages.ts';

const MAIN_FILE = 'main.js';
/** Names the modules of the prelude, which only they can import. */
const PRELUDE = 'prelude:';
/** Node's own exit code for a program that ends while its top-level `await` can never settle. */
const UNSETTLED_EXIT = 13;
/** The linear stack has 1 MiB: at twice this limit native frames can reach its end before the interpreter's guard. */
const STACK_BYTES = 320 * 1024;
/** The interpreter addresses 32 bits; half of that is more than any snippet needs and keeps sizes signed. */
const MAX_MEMORY_MB = 2047;
const WASI_BAD_DESCRIPTOR = 8;
const STD_MODULE = `const { in: input, out, err, exit, getenv, getenviron, loadFile } = globalThis.std;
export { input as in, out, err, exit, getenv, getenviron, loadFile };`;

/** Why the program must not run on; once set, the interpreter unwinds it at the next interrupt. */
type Halt = { reason: ProgramEnd['reason']; exitCode: number };

/** One program in an interpreter of its own. */
export class Guest {
  readonly #program: Program;
  readonly #output: OutputChannel;
  readonly #control: Int32Array;
  readonly #cpuStart = process.threadCpuUsage();
  readonly #rejections = new Map<number, JSValueHandle>();
  #linearMemory: WebAssembly.Memory | undefined;
  #halt: Halt | undefined;

  constructor(program: Program, output: OutputChannel, control: Int32Array) {
    this.#program = program;
    this.#output = output;
    this.#control = control;
  }

  /** Runs the program to its end. Never rejects for what the program does. */
  async run(setup: WorkerSetup): Promise<ProgramEnd> {
    let halt: Halt;
    try {
      const vm = await this.#boot(setup);
      halt = this.#execute(vm, await this.#prepare(vm));
    } catch (fault) {
      halt = this.#halt ?? this.#afterFault(fault);
    }
    return { ...halt, cpuMs: this.#cpuMs(), memoryPeakMb: (this.#linearMemory?.buffer.byteLength ?? 0) / 2 ** 20 };
  }

  async #boot(setup: WorkerSetup): Promise<QuickJS> {
    return QuickJS.create({
      wasm: setup.quickjs,
      memoryLimit: Math.min(this.#program.memoryMb, MAX_MEMORY_MB) * 2 ** 20,
      maxStackSize: STACK_BYTES,
      timezoneOffset: 0,
      interruptHandler: () => this.#mustHalt(),
      onUnhandledRejection: (promise, reason, isHandled) => this.#noteRejection(promise, reason, isHandled),
      moduleLoader: {
        normalize: (importer, specifier) => normalizeSpecifier(importer, specifier),
        load: (name) => (name.startsWith(PRELUDE) ? setup.prelude[name] : undefined) ?? this.#module(name),
      },
      wasi: (memory) => {
        this.#linearMemory = memory;
        // The library's own shim would write the interpreter's diagnostics to the runner's standard output.
        return { fd_write: () => WASI_BAD_DESCRIPTOR };
      },
    });
  }

  #mustHalt(): boolean {
    if (this.#halt) return true;
    if (Atomics.load(this.#control, CONTROL.stop) === 1) this.#halt = { reason: 'stopped', exitCode: 0 };
    else if (this.#output.exceeded) this.#halt = { reason: 'output_limit', exitCode: 0 };
    else if (this.#cpuMs() > this.#program.cpuMs) this.#halt = { reason: 'cpu_limit', exitCode: 0 };
    else this.#output.flushIfOld();
    return this.#halt !== undefined;
  }

  #cpuMs(): number {
    const { user, system } = process.threadCpuUsage(this.#cpuStart);
    return (user + system) / 1000;
  }

  async #prepare(vm: QuickJS): Promise<Hooks> {
    const host = vm.newObject();
    for (const [name, body] of Object.entries(this.#services(vm))) host.setProp(name, vm.newFunction(name, body));
    const settings = vm.newString(JSON.stringify({ args: this.#program.args, env: this.#program.env }));
    const entry = vm.evalCode(
      `export { prepare } from '${PRELUDE}prelude.js';`,
      `${PRELUDE}entry.js`,
      EvalFlags.TYPE_MODULE,
    );
    const loaded = await vm.resolvePromise(entry);
    if ('error' in loaded) throw new Error(`The prelude failed: ${textOf(loaded.error)}`);
    const hooks = vm.callFunction(loaded.value.getProp('prepare'), vm.undefined, host, settings);
    const [nextTimer, fireTimer, report] = ['nextTimer', 'fireTimer', 'report'].map((name) => hooks.getProp(name));
    if (!nextTimer || !fireTimer || !report) throw new Error('The prelude lacks a hook.');
    return {
      nextTimer: () => vm.callFunction(nextTimer, vm.undefined).toNumber(),
      fireTimer: () => vm.callFunction(fireTimer, vm.undefined).dispose(),
      report: (title, error) => vm.callFunction(report, vm.undefined, vm.newString(title), error).dispose(),
    };
  }

  /** What the prelude may call. The program cannot reach these themselves, and gains nothing if it does. */
  #services(vm: QuickJS): Record<string, (...args: JSValueHandle[]) => JSValueHandle> {
    return {
      write: (fd, text) => {
        if (!text?.isString) throw new TypeError('Only text can be written.');
        this.#output.write(fd?.toNumber() === 2 ? 'stderr' : 'stdout', text.toString());
        return this.#output.exceeded ? vm.true : vm.false;
      },
      exit: (code) => {
        this.#halt ??= { reason: 'exit', exitCode: (code?.toNumber() ?? 0) & 0xff };
        return vm.undefined;
      },
      now: () => vm.newNumber(performance.now()),
      readInput: () => vm.newString(this.#program.stdin),
      readFile: (path, binary) => {
        const file = this.#file(path?.toString() ?? '');
        if (!file) return vm.null;
        return binary?.toBoolean() ? vm.newUint8Array(file) : vm.newString(Buffer.from(file).toString('utf8'));
      },
    };
  }

  #execute(vm: QuickJS, hooks: Hooks): Halt {
    try {
      const completion = this.#evaluate(vm);
      for (;;) {
        vm.executePendingJobs();
        const [rejection] = this.#rejections.values();
        if (rejection) return this.#uncaught(hooks, rejection);
        const due = hooks.nextTimer();
        if (due < 0) break;
        if (!this.#sleepUntil(due)) return { reason: 'stopped', exitCode: 0 };
        hooks.fireTimer();
      }
      if (completion.isPromise && completion.promiseState === 0) {
        this.#output.write('stderr', 'Warning: the top-level await of the program can never settle.\n');
        return { reason: 'exit', exitCode: UNSETTLED_EXIT };
      }
      return { reason: 'exit', exitCode: 0 };
    } catch (error) {
      if (this.#halt) return this.#halt;
      if (error instanceof JSException) return this.#uncaught(hooks, error.handle);
      throw error;
    }
  }

  /**
   * A script may use top-level `await`; what does not parse as one is tried as a module. Nothing has run when parsing
   * fails, since errors thrown at run time arrive as rejections.
   */
  #evaluate(vm: QuickJS): JSValueHandle {
    const { code } = this.#program;
    try {
      return vm.evalCode(code, MAIN_FILE, EvalFlags.ASYNC);
    } catch (error) {
      const isModule = /^\s*(?:import|export)\b/m.test(code);
      if (!(error instanceof JSException && error.name === 'SyntaxError' && isModule)) throw error;
      error.dispose();
      return vm.evalCode(code, MAIN_FILE, EvalFlags.TYPE_MODULE);
    }
  }

  /** False if the engine stopped the program while it slept. */
  #sleepUntil(due: number): boolean {
    this.#output.flush();
    const wait = due - performance.now();
    if (wait > 0) Atomics.wait(this.#control, CONTROL.stop, 0, wait);
    return Atomics.load(this.#control, CONTROL.stop) === 0;
  }

  #noteRejection(promise: JSValueHandle, reason: JSValueHandle, isHandled: boolean): void {
    if (isHandled) this.#rejections.delete(promise.identity);
    else this.#rejections.set(promise.identity, reason.dup());
  }

  #uncaught(hooks: Hooks, error: JSValueHandle): Halt {
    const outOfMemory = error.isError && /^InternalError: out of memory$/.test(textOf(error));
    try {
      hooks.report('Uncaught ', error);
    } catch (fault) {
      if (!(fault instanceof JSException)) throw fault;
      this.#output.write('stderr', 'Uncaught error that can not be shown.\n');
    }
    return this.#halt ?? { reason: outOfMemory ? 'memory_limit' : 'exit', exitCode: 1 };
  }

  /** The interpreter itself gave up: a trap, or no room for a value of ours. Its memory must not be touched again. */
  #afterFault(fault: unknown): Halt {
    const message = fault instanceof Error ? fault.message : String(fault);
    if (/out of memory|malloc failed|could not allocate/i.test(message)) return { reason: 'memory_limit', exitCode: 1 };
    this.#output.write('stderr', `The interpreter stopped: ${message}\n`);
    return { reason: 'exit', exitCode: 1 };
  }

  #file(path: string): Uint8Array | undefined {
    const wanted = posix.normalize(path);
    return this.#program.files.find((file) => posix.normalize(file.path) === wanted)?.content;
  }

  #module(name: string): string {
    if (name === 'std') return STD_MODULE;
    const file = this.#file(name);
    if (!file) throw new Error(`No module '${name}': it is neither 'std' nor one of the program's files.`);
    return Buffer.from(file).toString('utf8');
  }
}

/** What the prelude hands back to its host. */
type Hooks = {
  /** When the earliest timer is due, on the clock of `performance.now()`; negative without one. */
  nextTimer(): number;
  fireTimer(): void;
  report(title: string, error: JSValueHandle): void;
};

/** The text of a value of the program, which may run code of the program and fail. */
function textOf(value: JSValueHandle): string {
  try {
    return value.toString();
  } catch {
    return '';
  }
}

function normalizeSpecifier(importer: string, specifier: string): string {
  if (importer.startsWith(PRELUDE)) return specifier.startsWith('./') ? PRELUDE + specifier.slice(2) : specifier;
  if (specifier.startsWith(PRELUDE)) throw new Error(`No module '${specifier}'.`);
  if (specifier.startsWith('.')) return posix.join(posix.dirname(importer), specifier);
  return specifier === 'qjs:std' ? 'std' : specifier;
}
