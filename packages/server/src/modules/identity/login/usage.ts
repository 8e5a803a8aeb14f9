import type { Tx } from '../../../platform/db/index.ts';
import type { Log } from '../../../platform/log.ts';
import { markLoginsSeen } from './store-sessions.ts';

export type LoginUsageOptions = {
  /** On the system handle. */
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  log: Log;
};

/** A login in steady use costs one row of one statement in this time; when it was last seen is known to the minute. */
const ONCE_IN_MS = 60_000;
/** How long uses are gathered into one statement. */
const FLUSH_MS = 5_000;
const REMEMBERED = 50_000;

/** Notes when logins were last used, in batches. What is lost in a crash is seconds of that. */
export class LoginUsage implements AsyncDisposable {
  readonly #options: LoginUsageOptions;
  readonly #notedAt = new Map<string, number>();
  #pending = new Map<string, Date>();
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: LoginUsageOptions) {
    this.#options = options;
  }

  /** Called for every request: has to cost nothing. */
  note(loginId: string): void {
    const now = Date.now();
    if (now - (this.#notedAt.get(loginId) ?? 0) < ONCE_IN_MS) return;
    if (this.#notedAt.size >= REMEMBERED) this.#notedAt.clear();
    this.#notedAt.set(loginId, now);
    this.#pending.set(loginId, new Date(now));
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
    if (this.#pending.size === 0) return;
    const seen = this.#pending;
    this.#pending = new Map();
    try {
      await this.#options.statements((tx) => markLoginsSeen(tx, seen));
    } catch (error) {
      this.#options.log.warn({ err: error }, 'when logins were last used could not be written');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
  }
}
