/** What a thread gets when it is made. */
export type WorkerSetup = {
  quickjs: WebAssembly.Module;
  /** Sources of the modules that prepare the interpreter, by name. */
  prelude: Record<string, string>;
  /** Shared words, see CONTROL. */
  control: SharedArrayBuffer;
};

/** Indices of the words that both threads see. */
export const CONTROL = {
  /** Set to 1 by the engine: end the program at its next interrupt. */
  stop: 0,
  /** Bytes of output that the engine's sink has taken, modulo 2^32. */
  taken: 1,
} as const;

/** A program for the thread to run. */
export type Program = {
  code: string;
  stdin: string;
  args: string[];
  env: Record<string, string>;
  files: { path: string; content: Uint8Array }[];
  cpuMs: number;
  memoryMb: number;
  outputBytes: number;
};

/** How a program ended, as its interpreter saw it. */
export type ProgramEnd = {
  reason: 'exit' | 'cpu_limit' | 'memory_limit' | 'output_limit' | 'stopped';
  exitCode: number;
  cpuMs: number;
  memoryPeakMb: number;
};

/** What the thread says: ready for its program, output, and the end of it. */
export type WorkerMessage =
  | { type: 'ready' }
  | { type: 'output'; stream: 'stdout' | 'stderr'; bytes: Uint8Array<ArrayBuffer> }
  | { type: 'end'; end: ProgramEnd };
