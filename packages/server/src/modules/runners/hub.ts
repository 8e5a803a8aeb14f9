import { newId, type RunnerId } from '../../kernel/ids.ts';
import type { Tx } from '../../platform/db/index.ts';
import type { Log } from '../../platform/log.ts';
import type { RunnerOffer, RunReport, RunSpec } from './model.ts';
import { markGone, markSeen, saveRunner } from './store.ts';

/** Names one attempt to run something: what carries an older fence is dropped. */
export type LeaseName = { leaseId: string; fence: number };

/** What this process can tell a connected runner; the surface that speaks the protocol implements it. */
export type RunnerLink = {
  lease(name: LeaseName, spec: RunSpec): void;
  cancel(name: LeaseName, report: boolean): void;
  ackOutput(name: LeaseName, received: { stdout: number; stderr: number }): void;
  ackResult(name: LeaseName): void;
  close(): void;
};

/** A runner that is connected to this process. */
export type RunnerConnection = {
  readonly id: RunnerId;
  readonly offer: RunnerOffer;
  readonly link: RunnerLink;
  /** Leases it holds from this process. */
  readonly leases: Set<string>;
};

export type OutputPiece = { stream: 'stdout' | 'stderr'; offset: number; bytes: Buffer };

/** Who gives work to runners and hears from them. */
export type RunnerHandler = {
  connected(connection: RunnerConnection, held: readonly LeaseName[]): Promise<void>;
  disconnected(connection: RunnerConnection): void;
  started(connection: RunnerConnection, name: LeaseName): void;
  output(connection: RunnerConnection, name: LeaseName, piece: OutputPiece): void;
  result(connection: RunnerConnection, name: LeaseName, report: RunReport): void;
  rejected(connection: RunnerConnection, name: LeaseName, message: string): void;
};

/** What the surface reports of one connection. */
export type RunnerSession = {
  started(name: LeaseName): void;
  output(name: LeaseName, piece: OutputPiece): void;
  result(name: LeaseName, report: RunReport): void;
  rejected(name: LeaseName, message: string): void;
  closed(): void;
};

export type RunnerHubOptions = {
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Tells every process that the set of runners changed. */
  changed(): void;
  log: Log;
};

const SEEN_EVERY_MS = 5_000;

/** The runners that are connected to this process. */
export class RunnerHub implements AsyncDisposable {
  readonly nodeId = newId();
  readonly #options: RunnerHubOptions;
  readonly #connections = new Map<RunnerId, RunnerConnection>();
  readonly #timer: NodeJS.Timeout;
  #handler: RunnerHandler | null = null;

  constructor(options: RunnerHubOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#markSeen(), SEEN_EVERY_MS);
  }

  /** Sets who gives the work. */
  handleWith(handler: RunnerHandler): void {
    this.#handler = handler;
  }

  get connections(): RunnerConnection[] {
    return [...this.#connections.values()];
  }

  /** Registers a runner that has said hello. An older connection of the same runner is closed: it has dialled again. */
  async attach(id: RunnerId, offer: RunnerOffer, held: readonly LeaseName[], link: RunnerLink): Promise<RunnerSession> {
    const handler = this.#handler;
    if (!handler) throw new Error('This process gives no work to runners.');
    const earlier = this.#connections.get(id);
    if (earlier) {
      this.#drop(earlier);
      earlier.link.close();
    }
    const connection: RunnerConnection = { id, offer, link, leases: new Set() };
    await this.#options.statements((tx) => saveRunner(tx, id, this.nodeId, offer));
    await handler.connected(connection, held);
    this.#connections.set(id, connection);
    this.#options.changed();
    this.#options.log.info(
      { runner: offer.name, slots: offer.slots, engines: offer.engines.map(({ engine }) => engine) },
      'runner connected',
    );
    return {
      started: (name) => handler.started(connection, name),
      output: (name, piece) => handler.output(connection, name, piece),
      result: (name, report) => handler.result(connection, name, report),
      rejected: (name, message) => handler.rejected(connection, name, message),
      closed: () => void this.#closed(connection),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    for (const connection of this.#connections.values()) connection.link.close();
  }

  #drop(connection: RunnerConnection): boolean {
    if (this.#connections.get(connection.id) !== connection) return false;
    this.#connections.delete(connection.id);
    this.#handler?.disconnected(connection);
    return true;
  }

  async #closed(connection: RunnerConnection): Promise<void> {
    if (!this.#drop(connection)) return;
    this.#options.log.info({ runner: connection.offer.name }, 'runner disconnected');
    try {
      await this.#options.statements((tx) => markGone(tx, connection.id, this.nodeId));
      this.#options.changed();
    } catch (error) {
      this.#options.log.warn({ err: error }, 'a runner left, and the database could not be told');
    }
  }

  async #markSeen(): Promise<void> {
    if (this.#connections.size === 0) return;
    try {
      await this.#options.statements((tx) => markSeen(tx, [...this.#connections.keys()], this.nodeId));
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the presence of runners could not be written');
    }
  }
}
