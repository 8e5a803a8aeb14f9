import type { Principal } from '../../../kernel/principal.ts';
import type { Tx } from '../../../platform/db/index.ts';
import type { Log } from '../../../platform/log.ts';
import { type KeyUse, recordUses } from './store-usage.ts';

export type KeyUsageOptions = {
  /** On the system handle. */
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  log: Log;
};

/** A key in steady use costs one row of one statement in this time; its last use is known to the minute. */
const ONCE_IN_MS = 60_000;
/** How long uses are gathered into one statement. */
const FLUSH_MS = 5_000;
const REMEMBERED_KEYS = 50_000;

/** Notes when keys were last used and from where, in batches. What is lost in a crash is seconds of that. */
export class KeyUsage implements AsyncDisposable {
  readonly #options: KeyUsageOptions;
  readonly #notedAt = new Map<string, number>();
  #pending = new Map<string, KeyUse>();
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: KeyUsageOptions) {
    this.#options = options;
  }

  /** Called for every request: has to cost nothing. */
  note(key: Principal, address: string | null): void {
    const now = Date.now();
    if (now - (this.#notedAt.get(key.id) ?? 0) < ONCE_IN_MS) return;
    if (this.#notedAt.size >= REMEMBERED_KEYS) this.#notedAt.clear();
    this.#notedAt.set(key.id, now);
    this.#pending.set(key.id, { orgId: String(key.orgId), id: key.id, at: now, address });
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS).unref();
  }

  /** Writes what was noted. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const uses = [...this.#pending.values()];
    if (uses.length === 0) return;
    this.#pending = new Map();
    try {
      await this.#options.statements((tx) => recordUses(tx, uses, Date.now()));
    } catch (error) {
      this.#options.log.warn({ err: error }, 'when keys were last used could not be written');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
  }
}
