import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  encodeOutput,
  type Hello,
  type Lease,
  PlaneMessage,
  RUNNER_PATH,
  type RunResult,
} from '@assay/contract/runner';
import type { Server } from './server.ts';
import { Socket } from './socket.ts';
import { until } from './until.ts';

export type LeaseName = Pick<Lease, 'lease_id' | 'fence'>;

/** What a scripted runner says of itself: Python under a strong engine, so that ordinary submissions come to it. */
const OFFER = {
  type: 'hello',
  protocol: 1,
  name: 'scripted',
  version: '0.0.0',
  slots: 1,
  engines: [
    { engine: 'bubblewrap', level: 'strong', version: 'scripted', languages: ['python'], auto: true, missing: [] },
  ],
  refused: [],
  languages: [{ language: 'python', version: '3', compiled: false }],
  held: [],
} as const satisfies Omit<Hello, 'runner_id'>;

/**
 * A runner that does what a test says, over the real protocol: it reports late, twice, under another's lease or not at
 * all, at the moment that the test chooses. It runs nothing.
 */
export class ScriptedRunner implements Disposable {
  readonly id: string;
  readonly #socket: Socket<PlaneMessage>;

  private constructor(id: string, socket: Socket<PlaneMessage>) {
    this.id = id;
    this.#socket = socket;
  }

  /** Connects and waits to be welcome. The same `id` again is the same runner that dialled again. */
  static async connect(
    server: Server,
    { id = randomUUID(), ...offer }: Partial<Omit<Hello, 'runner_id'>> & { id?: string } = {},
  ): Promise<ScriptedRunner> {
    const socket = await dial(server);
    socket.send({ ...OFFER, ...offer, runner_id: id });
    await Promise.race([
      socket.message('the runner is welcome', ({ type }) => type === 'welcome'),
      socket.closed.then(({ code, reason }) => Promise.reject(new Error(`The runner was cut off: ${code} ${reason}`))),
    ]);
    return new ScriptedRunner(id, socket);
  }

  /** Everything that the control plane has said, in order, checked against the protocol. */
  get heard(): PlaneMessage[] {
    return this.#socket.messages.map((message) => PlaneMessage.parse(message));
  }

  /** Waits for the lease of an evaluation; of an attempt after `fence`, when one is named. */
  lease(evalId: string, { after = 0, withinMs = 15_000 } = {}): Promise<Lease> {
    const isIt = ({ lease_id, fence }: Lease): boolean => lease_id === evalId && fence > after;
    return until(`a lease of ${evalId}`, () => this.leases.find(isIt), withinMs);
  }

  /** The leases that it was given, in order. */
  get leases(): Lease[] {
    return this.heard.filter((message) => message.type === 'lease');
  }

  hears(type: PlaneMessage['type'], { lease_id, fence }: LeaseName, withinMs = 15_000): Promise<PlaneMessage> {
    const isIt = (message: PlaneMessage): boolean =>
      message.type === type && 'lease_id' in message && message.lease_id === lease_id && message.fence === fence;
    return until(`${type} of ${lease_id}`, () => this.heard.find(isIt), withinMs);
  }

  /** Waits until the control plane wants nothing more of a lease: its result was taken, or is to be forgotten. */
  isReleased({ lease_id, fence }: LeaseName): Promise<PlaneMessage> {
    const isIt = (message: PlaneMessage): boolean =>
      (message.type === 'result_ack' || (message.type === 'cancel' && !message.report)) &&
      message.lease_id === lease_id &&
      message.fence === fence;
    return until(`${lease_id} is released`, () => this.heard.find(isIt));
  }

  output({ lease_id, fence }: LeaseName, offset: number, text: string): void {
    const frame = { leaseId: lease_id, fence, stream: 'stdout', offset, bytes: Buffer.from(text) } as const;
    this.#socket.sendBytes(Uint8Array.from(encodeOutput(frame)));
  }

  reject({ lease_id, fence }: LeaseName, message: string): void {
    this.#socket.send({ type: 'rejected', lease_id, fence, message });
  }

  /** Reports an end: a good one with this output, unless the test says otherwise. */
  report({ lease_id, fence }: LeaseName, output: string, said: Partial<RunResult> = {}): void {
    const result: RunResult = {
      type: 'result',
      lease_id,
      fence,
      reason: 'ok',
      message: '',
      exit_code: 0,
      signal: null,
      stdout_tail: Buffer.from(output).toString('base64'),
      stderr_tail: '',
      stdout_bytes: Buffer.byteLength(output),
      stderr_bytes: 0,
      output_truncated: false,
      runtime_ms: 1,
      compile_ms: null,
      cpu_ms: 1,
      memory_peak_mb: 1,
      files: [],
      files_skipped: [],
      receipt: null,
      ...said,
    };
    this.#socket.send(result);
  }

  /** Breaks the connection, as a network does. */
  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

/** Opens a connection as a runner does, with the installation's token, and says nothing yet. */
export async function dial(server: Server): Promise<Socket<PlaneMessage>> {
  const token = (await readFile(join(server.dataDir, 'runner-token'), 'utf8')).trim();
  return Socket.open<PlaneMessage>(server.url, RUNNER_PATH, { authorization: `Bearer ${token}` });
}
