import { CONTROL } from './worker-messages.ts';

/** Gathered before a message is sent: one message per `console.log` would cost more than the program. */
const GATHER_BYTES = 16 * 1024;
/** Sent and not yet taken by the sink; past it the thread waits, so a slow reader holds the program, not memory. */
const WINDOW_BYTES = 256 * 1024;
/** Output older than this leaves even if little was gathered, so that a watcher sees it. */
const OLD_MS = 50;
/** How often a waiting thread looks whether it was stopped. */
const WAKE_MS = 50;

type Stream = 'stdout' | 'stderr';
type Batch = { stream: Stream; pieces: Buffer[]; size: number; since: number };

/** Output of a program on its way out of the interpreter's thread: gathered, counted, and held back by its reader. */
export class OutputChannel {
  readonly #control: Int32Array;
  readonly #limit: number;
  readonly #send: (stream: Stream, bytes: Uint8Array<ArrayBuffer>) => void;
  #pending: Batch = emptyBatch('stdout');
  #written = 0;
  #sent = 0;
  #exceeded = false;

  constructor(control: Int32Array, limit: number, send: (stream: Stream, bytes: Uint8Array<ArrayBuffer>) => void) {
    this.#control = control;
    this.#limit = limit;
    this.#send = send;
  }

  /** True once the program has written more than it may; the head up to the limit was kept. */
  get exceeded(): boolean {
    return this.#exceeded;
  }

  write(stream: Stream, text: string): void {
    const all = Buffer.from(text, 'utf8');
    const bytes = all.subarray(0, this.#limit - this.#written);
    this.#exceeded ||= bytes.length < all.length;
    if (bytes.length === 0) return;
    if (this.#pending.stream !== stream) this.flush();
    if (this.#pending.size === 0) this.#pending = { ...emptyBatch(stream), since: performance.now() };
    this.#pending.pieces.push(bytes);
    this.#pending.size += bytes.length;
    this.#written += bytes.length;
    if (this.#pending.size >= GATHER_BYTES) this.flush();
    else this.flushIfOld();
  }

  flushIfOld(): void {
    if (this.#pending.size > 0 && performance.now() - this.#pending.since > OLD_MS) this.flush();
  }

  flush(): void {
    const { stream, pieces, size } = this.#pending;
    if (size === 0) return;
    this.#pending = emptyBatch(stream);
    this.#sent += size;
    const whole = new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    this.#send(stream, whole);
    this.#waitForReader();
  }

  #waitForReader(): void {
    for (;;) {
      const taken = Atomics.load(this.#control, CONTROL.taken);
      if (((this.#sent - taken) | 0) <= WINDOW_BYTES || Atomics.load(this.#control, CONTROL.stop) === 1) return;
      Atomics.wait(this.#control, CONTROL.taken, taken, WAKE_MS);
    }
  }
}

function emptyBatch(stream: Stream): Batch {
  return { stream, pieces: [], size: 0, since: 0 };
}
