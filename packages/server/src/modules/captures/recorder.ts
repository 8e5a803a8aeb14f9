import { setTimeout as pause } from 'node:timers/promises';
import type { Tx } from '../../platform/db/index.ts';
import type { Log } from '../../platform/log.ts';
import type { DataKeys } from '../vault/index.ts';
import { contentPlace, type Prepared, prepareContent } from './content.ts';
import type { Capture, Taken } from './model.ts';
import { insertCapture } from './store.ts';

export type RecorderServices = {
  dataKeys: Pick<DataKeys, 'seal'>;
  /** In the role of requests: sees one organization. */
  transaction<Result>(orgId: string, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Writes in the organization's audit log that captures are missing. */
  missed(tx: Tx, orgId: string, gap: Gap): void;
  observe(what: 'kept' | 'dropped', count: number): void;
  log: Log;
};

/** Captures of an organization that are missing, and from when to when their calls were. */
export type Gap = { captures: number; from: Date; to: Date };

/** Waiting for longer means that the database does not keep up, or is away. */
const MOST_WAITING = 2_000;
/** Memory that they may hold on to. */
const MOST_BYTES = 64 << 20;
const BATCH = 25;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** What a stop waits for what is left to be written. */
const LAST_MS = 10_000;

type Ready = { capture: Capture; bytes: Buffer };

/**
 * Writes captures behind the answers: no call waits for its own. What finds no room is counted, and told of in the audit
 * log of its organization as soon as that can be written.
 */
export class Recorder implements AsyncDisposable {
  readonly #services: RecorderServices;
  readonly #waiting: Taken[] = [];
  readonly #gaps = new Map<string, Gap>();
  readonly #stopping = new AbortController();
  #bytes = 0;
  #underWay = 0;
  #running: Promise<void> | null = null;

  constructor(services: RecorderServices) {
    this.#services = services;
  }

  /** How many are on their way. */
  get waiting(): number {
    return this.#waiting.length + this.#underWay;
  }

  take(taken: Taken): void {
    if (this.waiting >= MOST_WAITING || this.#bytes + taken.bytes > MOST_BYTES) {
      this.#drop([taken]);
    } else {
      this.#waiting.push(taken);
      this.#bytes += taken.bytes;
    }
    this.#running ??= this.#run();
  }

  /** Writes what is left, for as long as a stop may take. */
  async [Symbol.asyncDispose](): Promise<void> {
    const deadline = setTimeout(() => this.#stopping.abort(), LAST_MS);
    await this.#running;
    clearTimeout(deadline);
    this.#stopping.abort();
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0 || this.#gaps.size > 0) {
      const batch = this.#waiting.splice(0, BATCH);
      this.#underWay = batch.length;
      const isWritten = await this.#written(await this.#prepared(batch));
      for (const { bytes } of batch) this.#bytes -= bytes;
      this.#underWay = 0;
      if (isWritten) continue;
      this.#drop(batch);
      this.#giveUp();
    }
    this.#running = null;
  }

  /** Those of a batch that can be kept, by their organizations. */
  async #prepared(batch: readonly Taken[]): Promise<Map<string, Ready[]>> {
    const ready = new Map<string, Ready[]>();
    for (const taken of batch) {
      const prepared = await this.#prepare(taken);
      if (prepared === null) continue;
      const { policy: _policy, bytes: _bytes, content: _content, ...known } = taken;
      const { bytes, ...size } = prepared;
      ready.set(taken.orgId, [...(ready.get(taken.orgId) ?? []), { capture: { ...known, ...size }, bytes }]);
    }
    return ready;
  }

  async #prepare(taken: Taken): Promise<Prepared | null> {
    try {
      return await prepareContent(taken.content(), taken.policy);
    } catch (error) {
      // Its message may hold what it is about.
      const name = error instanceof Error ? error.name : 'unknown';
      this.#services.log.error({ org_id: taken.orgId, capture: taken.id, error: name }, 'a capture could not be made');
      this.#drop([taken]);
      return null;
    }
  }

  /** Tries until the database takes them; false when the time to stop came first. */
  async #written(ready: Map<string, Ready[]>): Promise<boolean> {
    const { signal } = this.#stopping;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
      try {
        for (const orgId of new Set([...ready.keys(), ...this.#gaps.keys()])) {
          await this.#keep(orgId, ready.get(orgId) ?? []);
          ready.delete(orgId);
        }
        return true;
      } catch (error) {
        if (signal.aborted) return false;
        this.#services.log.warn({ err: error, waiting: this.waiting }, 'captures cannot be written for the moment');
        await pause(pauseMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  async #keep(orgId: string, ready: readonly Ready[]): Promise<void> {
    const { dataKeys, transaction, missed, observe } = this.#services;
    const gap = this.#gaps.get(orgId);
    const sealed = await Promise.all(
      ready.map(async ({ capture, bytes }) => ({
        capture,
        value: await dataKeys.seal(contentPlace(orgId, capture.id), bytes),
      })),
    );
    await transaction(orgId, async (tx) => {
      for (const { capture, value } of sealed) await insertCapture(tx, capture, value);
      if (gap) missed(tx, orgId, gap);
    });
    if (gap && this.#gaps.get(orgId) === gap) this.#gaps.delete(orgId);
    if (ready.length > 0) observe('kept', ready.length);
  }

  #drop(taken: readonly Taken[]): void {
    if (taken.length > 0) this.#services.observe('dropped', taken.length);
    for (const { orgId, at } of taken) {
      const { captures, from, to } = this.#gaps.get(orgId) ?? { captures: 0, from: at, to: at };
      this.#gaps.set(orgId, {
        captures: captures + 1,
        from: new Date(Math.min(+at, +from)),
        to: new Date(Math.max(+at, +to)),
      });
    }
  }

  /** The time to stop has come, and some are left. */
  #giveUp(): void {
    for (const { bytes } of this.#waiting) this.#bytes -= bytes;
    this.#drop(this.#waiting.splice(0));
    for (const [orgId, { captures }] of this.#gaps)
      this.#services.log.error({ org_id: orgId, captures }, 'captures are missing, and the audit log does not say so');
    this.#gaps.clear();
  }
}
