import { setTimeout as delay } from 'node:timers/promises';
import { AppError, toAppError } from '../../kernel/errors.ts';
import type { Tx } from '../../platform/db/index.ts';
import type { Log } from '../../platform/log.ts';
import { ClaimLoop } from '../../platform/queue/claim-loop.ts';
import { LeaseKeeper } from '../../platform/queue/lease-keeper.ts';
import type { Contents } from '../assets/index.ts';
import {
  type LeaseName,
  type OutputPiece,
  type RunnerConnection,
  type RunnerHandler,
  type RunnerHub,
  type RunReport,
  requirementsOf,
} from '../runners/index.ts';
import type { Endings } from './endings.ts';
import { MAX_ATTEMPTS } from './model.ts';
import { PieceDecoder } from './output-text.ts';
import { settle } from './settlement.ts';
import {
  adoptLeases,
  type Claimed,
  claimEvaluations,
  finishEvaluation,
  giveBackLease,
  insertOutput,
  readOutput,
  releaseLost,
  renewLeases,
} from './store-leases.ts';

export type DispatcherOptions = {
  hub: RunnerHub;
  contents: Pick<Contents, 'put'>;
  endings: Endings;
  /** On the system handle: each statement alone, and whole transactions. */
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Something was submitted, or cancelled; here or elsewhere. */
  onQueued(listener: () => void): () => void;
  onCancelled(listener: (id: string) => void): () => void;
  onRunners(listener: () => void): () => void;
  /** Events were committed. */
  told(): void;
  /** What a node of a workflow waited for has ended. */
  nodeWoken(): void;
  observe: { waited(seconds: number): void; ended(reason: string, engine: string): void };
  leaseMs: number;
  log: Log;
};

type HeldLease = LeaseName & {
  orgId: string;
  engine: string;
  connection: RunnerConnection;
  decoders: { stdout: PieceDecoder; stderr: PieceDecoder };
  received: { stdout: number; stderr: number };
  /** Writes of this lease, one after the other. */
  writing: Promise<void>;
};

const POLL_MS = 250;
const RETRY_MS = 500;

/** Gives queued evaluations to the runners connected here, and records what they report. */
export class Dispatcher implements RunnerHandler, AsyncDisposable {
  readonly #options: DispatcherOptions;
  readonly #loop: ClaimLoop<{ connection: RunnerConnection; claimed: Claimed }>;
  readonly #leases: LeaseKeeper<HeldLease>;
  readonly #unlisten: (() => void)[] = [];

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#loop = new ClaimLoop({
      name: 'evaluations',
      capacity: () => this.#free().reduce((sum, { room }) => sum + room, 0),
      claim: () => this.#claim(),
      start: (item) => this.#start(item),
      pollMs: POLL_MS,
      log: options.log,
    });
    this.#leases = new LeaseKeeper({
      renew: (leases) => this.#renew(leases),
      onLost: (lease) => this.#lose(lease),
      leaseMs: options.leaseMs,
      log: options.log,
    });
    options.hub.handleWith(this);
  }

  start(): void {
    this.#unlisten.push(
      this.#options.onQueued(() => this.#loop.wake()),
      this.#options.onRunners(() => this.#loop.wake()),
      this.#options.onCancelled((id) => this.#cancel(id)),
    );
    this.#loop.start();
  }

  /** Leases held here. */
  get running(): number {
    return this.#leases.size;
  }

  /** Stops giving out work. What runs goes on and is recorded. */
  async drain(): Promise<void> {
    await this.#loop[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const unlisten of this.#unlisten) unlisten();
    await this.drain();
    this.#leases[Symbol.dispose]();
  }

  async connected(connection: RunnerConnection, held: readonly LeaseName[]): Promise<void> {
    const { statements, leaseMs } = this.#options;
    const adopted = await statements((tx) => adoptLeases(tx, connection.id, held, leaseMs / 1000));
    const kept = new Set(adopted.map(({ id }) => id));
    await statements((tx) => releaseLost(tx, connection.id, [...kept], MAX_ATTEMPTS));
    for (const name of held) if (!kept.has(name.leaseId)) connection.link.cancel(name, false);
    for (const { id, fence, orgId, isCancelled } of adopted) {
      this.#hold({ leaseId: id, fence }, orgId, '', connection);
      if (isCancelled) connection.link.cancel({ leaseId: id, fence }, true);
    }
  }

  disconnected(connection: RunnerConnection): void {
    // Not renewed from here on: the runner dials again within the lease, or the work goes to another.
    for (const id of connection.leases) this.#leases.release(id);
    connection.leases.clear();
  }

  started(): void {}

  output(connection: RunnerConnection, name: LeaseName, piece: OutputPiece): void {
    const lease = this.#current(name);
    if (!lease) {
      connection.link.cancel(name, false);
      return;
    }
    const text = lease.decoders[piece.stream].decode(piece.bytes);
    this.#write(lease, async () => {
      await this.#options.statements((tx) => insertOutput(tx, name, { ...piece, text }));
      lease.received[piece.stream] = Math.max(lease.received[piece.stream], piece.offset + piece.bytes.length);
      lease.connection.link.ackOutput(name, lease.received);
      this.#options.told();
    });
  }

  result(connection: RunnerConnection, name: LeaseName, report: RunReport): void {
    const lease = this.#current(name);
    if (!lease) {
      connection.link.ackResult(name);
      return;
    }
    // The slot is free now; recording the end does not hold it.
    connection.leases.delete(name.leaseId);
    this.#loop.wake();
    this.#write(lease, () => this.#finish(lease, report));
  }

  rejected(connection: RunnerConnection, name: LeaseName, message: string): void {
    const lease = this.#current(name);
    connection.leases.delete(name.leaseId);
    if (!lease) return;
    this.#options.log.warn(
      { runner: connection.offer.name, evaluation: name.leaseId },
      `runner refused a lease: ${message}`,
    );
    this.#write(lease, async () => {
      this.#leases.release(name.leaseId);
      await this.#options.statements((tx) => giveBackLease(tx, name, MAX_ATTEMPTS));
    });
  }

  #free(): { connection: RunnerConnection; room: number }[] {
    return this.#options.hub.connections
      .map((connection) => ({ connection, room: connection.offer.slots - connection.leases.size }))
      .filter(({ room, connection }) => room > 0 && connection.offer.engines.length > 0);
  }

  async #claim(): Promise<{ connection: RunnerConnection; claimed: Claimed }[]> {
    const taken = await Promise.all(
      this.#free().map(async ({ connection, room }) => {
        const claimed = await this.#options.statements((tx) =>
          claimEvaluations(tx, {
            requirements: requirementsOf(connection.offer),
            max: room,
            runnerId: connection.id,
            leaseSeconds: this.#options.leaseMs / 1000,
          }),
        );
        return claimed.map((one) => ({ connection, claimed: one }));
      }),
    );
    return taken.flat();
  }

  #start({ connection, claimed }: { connection: RunnerConnection; claimed: Claimed }): void {
    const name = { leaseId: claimed.id, fence: claimed.fence };
    this.#options.observe.waited(claimed.waited);
    this.#options.told();
    if (!this.#options.hub.connections.includes(connection)) {
      // It left while we claimed for it.
      void this.#options
        .statements((tx) => giveBackLease(tx, name, MAX_ATTEMPTS))
        .catch((error) => this.#failed(error, name));
      return;
    }
    this.#hold(name, claimed.orgId, claimed.spec.engine, connection);
    connection.link.lease(name, claimed.spec);
  }

  #hold(name: LeaseName, orgId: string, engine: string, connection: RunnerConnection): void {
    connection.leases.add(name.leaseId);
    this.#leases.hold(name.leaseId, {
      ...name,
      orgId,
      engine,
      connection,
      decoders: { stdout: new PieceDecoder(), stderr: new PieceDecoder() },
      received: { stdout: 0, stderr: 0 },
      writing: Promise.resolve(),
    });
  }

  #current(name: LeaseName): HeldLease | undefined {
    const lease = this.#leases.get(name.leaseId);
    return lease && lease.fence === name.fence ? lease : undefined;
  }

  #write(lease: HeldLease, work: () => Promise<void>): void {
    lease.writing = lease.writing.then(() => this.#persist(lease, work));
  }

  /** Writes for as long as the database is only away and the lease is ours; a fault of another kind gives the lease up. */
  async #persist(lease: HeldLease, work: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        this.#failed(error, lease);
        if (this.#current(lease) !== lease) return;
        if (toAppError(error).kind !== 'unavailable') return this.#lose(lease);
      }
      await delay(RETRY_MS);
    }
  }

  async #finish(lease: HeldLease, report: RunReport): Promise<void> {
    const name = { leaseId: lease.leaseId, fence: lease.fence };
    const { statements, transaction, contents, endings, observe, nodeWoken } = this.#options;
    if (report.reason === 'setup_failed' && (await statements((tx) => giveBackLease(tx, name, MAX_ATTEMPTS)))) {
      this.#options.log.warn(
        { evaluation: name.leaseId },
        `a sandbox could not be set up, trying again: ${report.message}`,
      );
    } else {
      const hasPieces = report.stdoutBytes > report.stdoutTail.length || report.stderrBytes > report.stderrTail.length;
      const earlier = hasPieces ? await statements((tx) => readOutput(tx, name.leaseId)) : NO_OUTPUT;
      const output = {
        stdout: Buffer.concat([earlier.stdout, report.stdoutTail]),
        stderr: Buffer.concat([earlier.stderr, report.stderrTail]),
      };
      const evaluation = { id: name.leaseId, orgId: lease.orgId };
      const settlement = await settle(contents, evaluation, report, output, hasPieces);
      const finish = async (tx: Tx): Promise<{ isAwaited: boolean }> => {
        const ended = await finishEvaluation(tx, name, await settlement.refer(tx));
        if (!ended) throw new AppError('conflict', 'evaluation.fenced', 'This lease no longer holds.');
        return ended;
      };
      // Most runs leave no file behind: their end is one statement, and one round trip.
      const { isAwaited } = await (settlement.hasAssets ? transaction(finish) : statements(finish));
      if (isAwaited) nodeWoken();
      observe.ended(report.reason, lease.engine);
    }
    this.#leases.release(name.leaseId);
    lease.connection.link.ackResult(name);
    endings.announce(name.leaseId);
    this.#options.told();
  }

  async #renew(leases: readonly HeldLease[]): Promise<HeldLease[]> {
    const kept = await this.#options.statements((tx) => renewLeases(tx, leases, this.#options.leaseMs / 1000));
    return leases.filter(({ leaseId }) => !kept.has(leaseId) && this.#leases.get(leaseId) !== undefined);
  }

  #lose(lease: HeldLease): void {
    this.#leases.release(lease.leaseId);
    lease.connection.leases.delete(lease.leaseId);
    lease.connection.link.cancel(lease, false);
  }

  #cancel(id: string): void {
    const lease = this.#leases.get(id);
    lease?.connection.link.cancel({ leaseId: id, fence: lease.fence }, true);
  }

  #failed(error: unknown, { leaseId }: LeaseName): void {
    this.#options.log.warn(
      { err: error, evaluation: leaseId },
      'a report could not be recorded; the lease will end and decide',
    );
  }
}

const NO_OUTPUT = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
