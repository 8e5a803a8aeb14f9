import type { Tx } from '../../platform/db/index.ts';
import type { Log } from '../../platform/log.ts';
import { isTool, type OfferedEngine, type OfferedLanguage, type RefusedEngine, type Runner } from './model.ts';
import { listRecentRunners } from './store.ts';

export type FleetOptions = {
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  onWake(listener: () => void): () => void;
  log: Log;
};

/**
 * A runner that left this short a time ago still counts as there: it may be restarting, and what is submitted
 * meanwhile waits for it in the queue.
 */
const RECENT_SECONDS = 30;
const REFRESH_MS = 5_000;

/** All runners of the installation, whichever process they are connected to, as of a moment ago. */
export class Fleet implements AsyncDisposable {
  readonly #options: FleetOptions;
  #runners: readonly Runner[] = [];
  #timer: NodeJS.Timeout | null = null;
  #unlisten: () => void = () => {};

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.refresh();
    this.#timer = setInterval(() => void this.#refreshQuietly(), REFRESH_MS);
    this.#unlisten = this.#options.onWake(() => void this.#refreshQuietly());
  }

  async refresh(): Promise<void> {
    this.#runners = await this.#options.statements((tx) => listRecentRunners(tx, RECENT_SECONDS));
  }

  get runners(): readonly Runner[] {
    return this.#runners;
  }

  get engines(): OfferedEngine[] {
    return this.#runners.flatMap(({ engines }) => engines);
  }

  get refusals(): RefusedEngine[] {
    return this.#runners.flatMap(({ refused }) => refused);
  }

  /** Every language that some runner has, once. */
  get languages(): OfferedLanguage[] {
    return this.#programs().filter(({ language }) => !isTool(language));
  }

  /** The names of the tools that some engine has. */
  get tools(): ReadonlySet<string> {
    return new Set(this.engines.flatMap(({ languages }) => languages).filter(isTool));
  }

  #programs(): OfferedLanguage[] {
    const byName = new Map(
      this.#runners.flatMap(({ languages }) => languages).map((offered) => [offered.language, offered]),
    );
    return [...byName.values()].sort((a, b) => a.language.localeCompare(b.language));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unlisten();
    if (this.#timer) clearInterval(this.#timer);
  }

  async #refreshQuietly(): Promise<void> {
    try {
      await this.refresh();
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the list of runners could not be refreshed');
    }
  }
}
