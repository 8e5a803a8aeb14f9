import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { onLine } from '../../output/lines.ts';

/**
 * Reads one command after another. It reaps the last box before it starts the next, and ends when we do: its end of
 * the pipe is then closed. Boxes die with it, by bubblewrap's `--die-with-parent`.
 */
const SCRIPT = 'umask 022; while IFS= read -r line; do wait; eval "$line"; done';

/**
 * A shell that starts boxes, as the user that boxes of one berth run as.
 *
 * Starting them from here would cost a fork of a large process and a helper to set limits each time, 2 ms in all;
 * would hand every descriptor we forgot to close to a stranger's program; and would need the process moved into its
 * cgroup after its start. A shell that is already in the cgroup and has three descriptors does none of that.
 */
export class Porter {
  readonly #process: ChildProcess;
  #listener: (line: string) => void = () => undefined;
  #exited = false;

  constructor(options: { directory: string; uid: number | undefined }) {
    const { directory, uid } = options;
    this.#process = spawn('/bin/sh', ['-c', SCRIPT], {
      cwd: directory,
      env: {},
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true,
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    this.#process.on('error', () => this.#end());
    this.#process.on('exit', () => this.#end());
    this.#process.stdin?.on('error', () => this.#end());
    const { stdout } = this.#process;
    if (stdout) onLine(stdout, (line) => this.#listener(line));
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get alive(): boolean {
    return !this.#exited && this.pid !== undefined;
  }

  /** Runs a line of shell that starts one box; what it and its box report comes to `listener`, line by line. */
  command(line: string, listener: (report: string) => void): void {
    this.#listener = listener;
    this.#process.stdin?.write(`${line}\n`);
  }

  /**
   * Ends the shell and all of its process group: a bubblewrap that has just been started does not yet die with its
   * parent, and would wait for its parcel for ever.
   */
  async close(): Promise<void> {
    const { pid } = this;
    if (!this.alive || pid === undefined) return;
    const exited = once(this.#process, 'exit');
    process.kill(-pid, 'SIGKILL');
    await exited;
  }

  #end(): void {
    if (this.#exited) return;
    this.#exited = true;
    this.#listener('porter gone');
  }
}

/** Quotes a word for a POSIX shell. */
export function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
