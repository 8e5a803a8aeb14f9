import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { plainEnvironment, type Server } from './server.ts';

const MAIN = fileURLToPath(new URL('../../packages/runner/src/main.ts', import.meta.url));

/** A runner that dials the server over TCP, as one on another machine does. */
export class RemoteRunner implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #stateDir: string;

  private constructor(child: ChildProcess, stateDir: string) {
    this.#child = child;
    this.#stateDir = stateDir;
  }

  static async start(server: Server, args: readonly string[] = []): Promise<RemoteRunner> {
    const stateDir = await mkdtemp(join(tmpdir(), 'assay-acceptance-runner-'));
    const where = ['--connect', server.url, '--token-file', join(server.dataDir, 'runner-token')];
    const child = spawn(process.execPath, [MAIN, ...where, '--state-dir', stateDir, '--name', 'remote', ...args], {
      env: plainEnvironment(),
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    process.once('exit', () => child.kill('SIGKILL'));
    return new RemoteRunner(child, stateDir);
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) {
      const gone = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await gone;
    }
    await rm(this.#stateDir, { recursive: true, force: true });
  }
}
