import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { OutputSink } from '../engine.ts';

type Stream = 'stdout' | 'stderr';

/**
 * Carries a program's output to a sink, counts both streams together and stops at a limit.
 *
 * Reading pauses while the sink is busy, so a program that writes faster than anyone reads is held by a full pipe
 * and not by our memory.
 */
export class OutputMeter {
  readonly #limit: number;
  readonly #sink: OutputSink;
  readonly #onOverflow: () => void;
  #room: number;
  #truncated = false;
  #failure: unknown;

  constructor(options: { limit: number; sink: OutputSink; onOverflow: () => void }) {
    this.#limit = options.limit;
    this.#room = options.limit;
    this.#sink = options.sink;
    this.#onOverflow = options.onOverflow;
  }

  /** Whether the program wrote more than the limit. */
  get truncated(): boolean {
    return this.#truncated;
  }

  get bytes(): number {
    return this.#limit - this.#room;
  }

  /** What the sink threw, if it did: a bug on the far side, not the program's doing. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Takes bytes of one stream; resolves when more may come. What is past the limit is dropped. */
  async take(stream: Stream, bytes: Buffer): Promise<void> {
    const kept = bytes.length > this.#room ? bytes.subarray(0, this.#room) : bytes;
    this.#room -= kept.length;
    if (kept.length < bytes.length && !this.#truncated) {
      this.#truncated = true;
      this.#onOverflow();
    }
    if (kept.length === 0) return;
    try {
      await this.#sink.write(stream, kept);
    } catch (error) {
      this.#failure ??= error;
    }
  }
}

/**
 * Reads a pipe to its end, that is until no process holds its other side. The next piece is read when `take` is done
 * with the last one.
 */
export function drain(pipe: Readable, take: (bytes: Buffer) => Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    let last = Promise.resolve();
    pipe.on('data', (bytes: Buffer) => {
      pipe.pause();
      last = take(bytes).then(() => void pipe.resume());
    });
    pipe.on('error', () => pipe.destroy());
    pipe.on('close', () => void last.then(resolve));
    pipe.resume();
  });
}

/** A pipe of which this process holds the reading side. */
export function readingPipe(fd: number): Socket {
  const pipe = new Socket({ fd, readable: true, writable: false });
  pipe.pause();
  return pipe;
}
