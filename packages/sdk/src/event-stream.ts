import { ConnectionError, TimeoutError } from './assay-error.ts';
import { fullJitter, pause } from './retry.ts';
import { type SseFrame, SseParser } from './sse-parser.ts';
import { type CallOptions, pauseAfter, type Transport, type WireRequest } from './transport.ts';

/** How a stream is followed. */
export type FollowOptions = Pick<CallOptions, 'signal'> & {
  /** Resume after this event. */
  lastEventId?: string | undefined;
  /** Milliseconds of trying to connect again before the stream fails. Default: 60,000. */
  patience?: number | undefined;
  /** Milliseconds of silence after which the connection counts as broken; the server writes every 15 s. Default: 45,000. */
  silence?: number | undefined;
  /** Called when a broken stream goes on, nothing lost. */
  onReconnect?: ((lastEventId: string) => void) | undefined;
};

type Source<Event> = {
  transport: Transport;
  request: WireRequest;
  /** Undefined for frames that are of no interest. */
  decode(frame: SseFrame): Event | undefined;
  /** Whether the stream is complete after this event. Any other end is a break, and is resumed. */
  isLast(event: Event): boolean;
  options: FollowOptions;
};

/** Soon at first: most breaks are a proxy's or a server's that is already back. Milliseconds. */
const FIRST_RECONNECT_MS = 100;

/**
 * Events of the server, in order. A broken connection is made again with the id of the last whole event, so that none
 * is lost or repeated. Leaving the loop closes the connection.
 */
export class EventStream<Event> implements AsyncIterable<Event> {
  readonly #source: Source<Event>;
  #lastEventId: string;
  #retryMs: number | null = null;
  /** When the server last sent anything. */
  #lastHeard = 0;

  constructor(source: Source<Event>) {
    this.#source = source;
    this.#lastEventId = source.options.lastEventId ?? '';
  }

  /** Where to go on from; empty before the first event. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, undefined> {
    const { isLast } = this.#source;
    this.#lastHeard = Date.now();
    for (let failures = 0; ; failures++) {
      const heardBefore = this.#lastHeard;
      const connection = new AbortController();
      let failure: unknown = new ConnectionError('The stream ended before its last event.');
      try {
        for await (const event of this.#connect(connection, failures > 0)) {
          yield event;
          if (isLast(event)) return;
        }
      } catch (thrown) {
        failure = thrown;
      } finally {
        connection.abort();
      }
      if (this.#lastHeard > heardBefore) failures = 0;
      await this.#waitAfter(failure, failures + 1);
    }
  }

  async *#connect(connection: AbortController, isAgain: boolean): AsyncGenerator<Event, void, undefined> {
    const { transport, request, decode, options } = this.#source;
    const resume = this.#lastEventId === '' ? {} : { 'last-event-id': this.#lastEventId };
    const response = await transport.open(
      { ...request, headers: { ...request.headers, ...resume, accept: 'text/event-stream' } },
      {
        signal: options.signal ? AbortSignal.any([options.signal, connection.signal]) : connection.signal,
        maxRetries: 0,
      },
    );
    if (isAgain) options.onReconnect?.(this.#lastEventId);
    const parser = new SseParser(this.#lastEventId);
    for await (const text of this.#texts(response, connection)) {
      for (const frame of parser.push(text)) {
        this.#lastEventId = frame.id;
        const event = decode(frame);
        if (event !== undefined) yield event;
      }
      this.#lastEventId = parser.lastId;
      this.#retryMs = parser.retryMs ?? this.#retryMs;
    }
  }

  async *#texts(response: Response, connection: AbortController): AsyncGenerator<string, void, undefined> {
    if (!response.body) return;
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await this.#read(reader, connection);
      if (done) return;
      this.#lastHeard = Date.now();
      yield decoder.decode(value, { stream: true });
    }
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>, connection: AbortController) {
    const { silence = 45_000, signal } = this.#source.options;
    const late = new TimeoutError(`The stream was silent for ${silence} ms.`);
    const timer = setTimeout(() => connection.abort(late), silence);
    try {
      return await reader.read();
    } catch (cause) {
      if (signal?.aborted || cause === late) throw cause;
      throw new ConnectionError('The connection broke in the middle of the stream.', { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  /** @throws the failure itself when trying again makes no sense, or has been tried for long enough */
  async #waitAfter(failure: unknown, attempt: number): Promise<void> {
    const { signal, patience = 60_000 } = this.#source.options;
    if (signal?.aborted) throw signal.reason;
    const isBroken = failure instanceof ConnectionError;
    const wait = isBroken ? (this.#retryMs ?? fullJitter(attempt, FIRST_RECONNECT_MS)) : pauseAfter(failure, attempt);
    if (wait === null || Date.now() + wait - this.#lastHeard > patience) throw failure;
    await pause(wait, signal);
  }
}
