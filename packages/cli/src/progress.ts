import type { Printer } from './printer.ts';

/** Whoever waits for less than this wants no spinner that flashes up. Milliseconds. */
const QUIET_MS = 300;
const FRAME_MS = 100;
const PLAIN_MS = 10_000;
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const ERASE_LINE = '\r\u001b[K';

/** Shows that something is being waited for: a spinner on a terminal, else a line now and then. */
export class Progress implements Disposable {
  readonly #printer: Printer;
  #what: string;
  readonly #started = Date.now();
  readonly #until: number | null;
  readonly #timers: NodeJS.Timeout[] = [];
  #frame = 0;

  /** @param options plain: whether to write lines where no spinner can be drawn; until: when it will be too late */
  constructor(printer: Printer, what: string, options: { plain: boolean; until?: number }) {
    this.#until = options.until ?? null;
    this.#printer = printer;
    this.#what = what;
    if (printer.animated) this.#every(FRAME_MS, () => this.#draw());
    else if (options.plain) this.#every(PLAIN_MS, () => void printer.note(`${this.#what}: ${this.#time}`));
  }

  /** Says how far it has come. */
  tell(what: string): void {
    this.#what = what;
  }

  /** Ends it and leaves no trace. */
  [Symbol.dispose](): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    if (this.#frame > 0) this.#printer.animated?.write(ERASE_LINE);
    this.#frame = 0;
  }

  /** How long it has taken, or how long is left. */
  get #time(): string {
    if (this.#until === null) return `${Math.round((Date.now() - this.#started) / 1000)} s`;
    const left = Math.max(0, Math.round((this.#until - Date.now()) / 1000));
    return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')} left`;
  }

  #every(ms: number, act: () => void): void {
    this.#timers.push(setInterval(act, ms).unref());
  }

  #draw(): void {
    if (Date.now() - this.#started < QUIET_MS) return;
    this.#frame += 1;
    const frame = FRAMES[this.#frame % FRAMES.length] ?? '';
    this.#printer.animated?.write(`${ERASE_LINE}${frame} ${this.#what} ${this.#time}`);
  }
}
