import { type Hello, type Lease, type PlaneMessage, RUNNER_PROTOCOL, type RunnerMessage } from '@assay/contract/runner';
import type { Engine } from '../engine.ts';
import { LeaseRun } from './lease-run.ts';
import { PlaneConnection } from './plane-connection.ts';

export type SessionOptions = {
  connect: string;
  token: string;
  /** Who this is and what it offers; the same for its whole life. */
  presentation: Omit<Hello, 'type' | 'protocol' | 'held'>;
  engines: readonly Engine[];
  log: { info(fields: object, text: string): void; warn(fields: object, text: string): void };
};

/** How long to go on without the plane until it has said how long its leases last. */
const UNKNOWN_LEASE_MS = 10_000;

/** A runner's conversation with the control plane: takes leases, runs them, and gives results until they are taken. */
export class Session implements AsyncDisposable {
  readonly #options: SessionOptions;
  readonly #connection: PlaneConnection;
  readonly #runs = new Map<string, LeaseRun>();
  #leaseMs = UNKNOWN_LEASE_MS;
  #giveUp: NodeJS.Timeout | null = null;
  #isDraining = false;
  #onIdle: () => void = () => {};

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#connection = new PlaneConnection({
      connect: options.connect,
      token: options.token,
      hello: () => this.#hello(),
      onMessage: (message) => this.#take(message),
      onLost: () => this.#lost(),
      log: options.log,
    });
  }

  start(): void {
    this.#connection.dial();
  }

  /** Takes nothing new, and waits until what runs has ended and the plane has the results. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#runs.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Ends everything at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#giveUp) clearTimeout(this.#giveUp);
    for (const run of this.#runs.values()) run.cancel();
    this.#connection.close();
  }

  #hello(): Hello {
    const held = [...this.#runs.values()].map(({ leaseId, fence }) => ({ lease_id: leaseId, fence }));
    return { type: 'hello', protocol: RUNNER_PROTOCOL, held, ...this.#options.presentation };
  }

  #take(message: PlaneMessage): void {
    switch (message.type) {
      case 'welcome':
        this.#welcome(message.lease_ms);
        break;
      case 'lease':
        this.#lease(message);
        break;
      case 'drain':
        this.#isDraining = true;
        break;
      case 'cancel':
        this.#cancel(message.lease_id, message.fence, message.report);
        break;
      case 'output_ack':
        this.#find(message.lease_id, message.fence)?.acknowledge(message);
        break;
      case 'result_ack':
        if (this.#find(message.lease_id, message.fence)) this.#forget(message.lease_id);
        break;
    }
  }

  #welcome(leaseMs: number): void {
    this.#leaseMs = leaseMs;
    if (this.#giveUp) clearTimeout(this.#giveUp);
    this.#giveUp = null;
    this.#options.log.info({ held: this.#runs.size }, 'connected to the control plane');
    for (const run of this.#runs.values()) run.resend();
  }

  /** The plane gives the work to another when its leases end: then it must not go on here as well. */
  #lost(): void {
    this.#options.log.warn({ running: this.#runs.size }, 'the control plane is gone; dialling again');
    this.#giveUp ??= setTimeout(() => {
      for (const { leaseId } of [...this.#runs.values()]) this.#drop(leaseId);
    }, this.#leaseMs);
  }

  #lease(lease: Lease): void {
    const { lease_id, fence, spec } = lease;
    const engine = this.#options.engines.find(
      ({ name, languages }) => name === spec.engine && languages.includes(spec.language),
    );
    if (!engine || this.#isDraining) {
      const message = engine ? 'the runner is stopping' : `it does not offer ${spec.language} under ${spec.engine}`;
      this.#send({ type: 'rejected', lease_id, fence, message });
      return;
    }
    // A newer lease of the same work: the older one lost its right to run.
    this.#drop(lease_id);
    const run = new LeaseRun({
      lease,
      engine,
      send: (result) => this.#send(result),
      onFault: (error) => this.#options.log.warn({ lease: lease_id, error: String(error) }, 'a run failed on our side'),
    });
    this.#runs.set(lease_id, run);
    this.#send({ type: 'started', lease_id, fence });
    void run.start();
  }

  #cancel(leaseId: string, fence: number, report: boolean): void {
    const run = this.#find(leaseId, fence);
    if (!run) return;
    if (report) run.cancel();
    else this.#drop(leaseId);
  }

  #find(leaseId: string, fence: number): LeaseRun | undefined {
    const run = this.#runs.get(leaseId);
    return run?.fence === fence ? run : undefined;
  }

  /** Ends a run that nobody wants to hear of any more. */
  #drop(leaseId: string): void {
    this.#runs.get(leaseId)?.cancel();
    this.#forget(leaseId);
  }

  #forget(leaseId: string): void {
    this.#runs.delete(leaseId);
    if (this.#runs.size === 0) this.#onIdle();
  }

  #send(message: RunnerMessage | Buffer): void {
    this.#connection.send(message);
  }
}
