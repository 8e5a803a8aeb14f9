import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { plantVariable } from '../env.ts';

/** How long a killed process may take to be gone. */
const GONE_WITHIN_MS = 1000;

/**
 * Things that no program in a sandbox may reach: a private file, a variable in this process's environment, a port
 * on the loopback address. Planted before engines are made, so that a helper process started with our environment
 * would carry the variable.
 */
export class CanaryGround implements AsyncDisposable {
  readonly file: string;
  readonly secret: string;
  readonly #variable: Disposable;

  private constructor(file: string, secret: string) {
    this.file = file;
    this.secret = secret;
    this.#variable = plantVariable('ASSAY_RUNNER_CANARY', secret);
  }

  static async open(directory: string): Promise<CanaryGround> {
    const secret = randomBytes(16).toString('hex');
    await mkdir(directory, { recursive: true });
    const file = `${directory}/canary-${process.pid}`;
    await writeFile(file, secret, { mode: 0o600 });
    return new CanaryGround(file, secret);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#variable[Symbol.dispose]();
    await rm(this.file, { force: true });
  }
}

/** A port on the loopback address that counts who comes. */
export class CanaryListener implements AsyncDisposable {
  readonly #server: Server;
  #hits = 0;

  private constructor() {
    this.#server = createServer((connection) => {
      this.#hits += 1;
      connection.destroy();
    });
  }

  static async open(): Promise<CanaryListener> {
    const listener = new CanaryListener();
    await new Promise<void>((resolve, reject) => {
      listener.#server.once('error', reject);
      listener.#server.listen(0, '127.0.0.1', resolve);
    });
    return listener;
  }

  get hits(): number {
    return this.#hits;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Whether every process of this name ends within a second. */
export async function allGone(name: string): Promise<boolean> {
  const deadline = performance.now() + GONE_WITHIN_MS;
  while (isRunning(name)) {
    if (performance.now() > deadline) return false;
    await delay(10);
  }
  return true;
}

function isRunning(name: string): boolean {
  return readdirSync('/proc').some((process) => {
    try {
      return readFileSync(`/proc/${process}/comm`, 'utf8').trim() === name && !isZombie(process);
    } catch {
      return false;
    }
  });
}

function isZombie(process: string): boolean {
  const stat = readFileSync(`/proc/${process}/stat`, 'utf8');
  return stat[stat.lastIndexOf(')') + 2] === 'Z';
}
