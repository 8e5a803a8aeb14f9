import { Readable } from 'node:stream';
import { runCli } from '../src/run-cli.ts';
import type { Sink } from '../src/terminal.ts';

export type Surroundings = {
  /** Where ASSAY_URL points. */
  url?: string;
  env?: Record<string, string>;
  stdin?: string;
  isTTY?: boolean;
  cwd?: string;
  signal?: AbortSignal;
};

export type Outcome = { exit: number; stdout: string; stderr: string };

/** Runs one command line in this process, as if typed in front of a fresh home directory. */
export async function assay(argv: readonly string[], around: Surroundings = {}): Promise<Outcome> {
  const { url, env = {}, stdin = '', isTTY = false, cwd = '/', signal = new AbortController().signal } = around;
  const stdout = new MemorySink(isTTY);
  const stderr = new MemorySink(isTTY);
  const exit = await runCli(argv, {
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout,
    stderr,
    env: {
      XDG_CONFIG_HOME: '/nonexistent',
      ASSAY_API_KEY: 'sk_test',
      ...(url !== undefined && { ASSAY_URL: url }),
      ...env,
    },
    cwd,
    signal,
  });
  return { exit, stdout: stdout.text, stderr: stderr.text };
}

class MemorySink implements Sink {
  readonly isTTY: boolean;
  readonly #chunks: Buffer[] = [];

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }

  write(chunk: string | Uint8Array, done?: (error?: Error | null) => void): boolean {
    this.#chunks.push(Buffer.from(chunk));
    done?.();
    return true;
  }
}
