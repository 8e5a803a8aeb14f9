import { readFile } from 'node:fs/promises';
import type { RunLimits, RunSpec } from '@assay/contract/runner';
import type { Engine, Outcome } from '../src/engine.ts';

/** Limits that a small program keeps to, and that a hostile one reaches soon. */
export const LIMITS: RunLimits = {
  wall_ms: 10_000,
  cpu_ms: 10_000,
  memory_mb: 128,
  processes: 32,
  cpus: 1,
  output_bytes: 1 << 20,
  file_size_mb: 16,
  disk_mb: 64,
  open_files: 128,
};

/** What a test wants to differ from a plain Python program. */
export type Wish = Partial<Omit<RunSpec, 'limits'>> & { limits?: Partial<RunLimits> };
export type Ran = Outcome & { stdout: string; stderr: string };

/** Runs a program to its end, with what it wrote. */
export async function runProgram(
  engine: Engine,
  code: string,
  wish: Wish = {},
  { signal = new AbortController().signal, read = (_bytes: Buffer): void | Promise<void> => undefined } = {},
): Promise<Ran> {
  const written = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const write = (stream: 'stdout' | 'stderr', bytes: Buffer) => {
    written[stream].push(Buffer.from(bytes));
    return read(bytes);
  };
  const plain = { language: 'python', engine: engine.name, stdin: '', args: [], env: {}, files: [], outputs: [] };
  const spec: RunSpec = { ...plain, code, ...wish, limits: { ...LIMITS, ...wish.limits } };
  const outcome = await engine.run(spec, { write }, signal);
  const [stdout, stderr] = [Buffer.concat(written.stdout).toString(), Buffer.concat(written.stderr).toString()];
  return { ...outcome, stdout, stderr };
}

/** One of the programs that try to break out, or to use up what they can. */
export function hostile(name: string): Promise<string> {
  return readFile(new URL(`./hostile/${name}`, import.meta.url), 'utf8');
}

/** A file to go along with a program. */
export function file(path: string, text: string): RunSpec['files'][number] {
  return { path, content: Buffer.from(text).toString('base64') };
}
