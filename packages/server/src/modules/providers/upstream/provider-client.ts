import type { Dispatcher } from 'undici';
import { AppError } from '../../../kernel/errors.ts';
import { isObject } from '../dialects/json-reader.ts';
import type { UpstreamFailure } from '../model.ts';
import { Exchange } from './exchange.ts';
import { failureOf } from './failures.ts';
import { concealed, secretsOf } from './secrets.ts';
import { UpstreamError } from './upstream-error.ts';

/** A request as it goes to a provider. */
export type UpstreamRequest = { url: URL; headers: Record<string, string>; body: string | Buffer };

/** An answer that began well: its status was a success. */
export type UpstreamAnswer = {
  headers: Record<string, string | string[] | undefined>;
  /** Ends with the answer; throws UpstreamError when it breaks off. Leaving it early closes the connection. */
  chunks: AsyncIterable<Buffer>;
  /** From the request to the first byte of the answer, milliseconds. */
  latencyMs: number;
};

export type ProviderClientOptions = {
  dispatcher: Dispatcher;
  /** Longest silence of a provider, milliseconds: before its first byte, and between two. */
  silenceMs: number;
};

/** What a provider says when it refuses is read up to here. */
const MOST_ERROR_BYTES = 64 * 1024;
/** A whole answer, pictures and all. Longer ones are no answers. */
const MOST_ANSWER_BYTES = 64 << 20;

/** Where its asker sets no other. */
const DEADLINE_MS = 60 * 60_000;

/** Sends requests to providers over pooled connections. */
export class ProviderClient {
  readonly #options: ProviderClientOptions;

  constructor(options: ProviderClientOptions) {
    this.#options = options;
  }

  /**
   * @param deadlineMs for the whole answer, to its last byte, however slowly it drips
   * @throws UpstreamError when the provider cannot be reached, stays silent, or answers with anything but a success
   */
  async send(
    { url, headers, body }: UpstreamRequest,
    signal: AbortSignal,
    deadlineMs = DEADLINE_MS,
  ): Promise<UpstreamAnswer> {
    signal.throwIfAborted();
    const started = performance.now();
    const { dispatcher, silenceMs } = this.#options;
    // One signal made of two would cost more than all that is done here.
    const onAbort = (): void => exchange.abort(signal.reason as Error);
    const deadline = setTimeout(() => exchange.abort(late()), deadlineMs);
    const exchange = new Exchange(() => {
      clearTimeout(deadline);
      signal.removeEventListener('abort', onAbort);
    });
    signal.addEventListener('abort', onAbort, { once: true });
    dispatcher.dispatch(
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
        headersTimeout: silenceMs,
        bodyTimeout: silenceMs,
      },
      exchange,
    );
    const answer = await exchange.began.catch((thrown: unknown) => {
      throw connectionFailure(thrown);
    });
    const latencyMs = performance.now() - started;
    const chunks = readable(exchange);
    if (answer.status >= 200 && answer.status < 300) return { headers: answer.headers, chunks, latencyMs };
    const said = concealed(await beginningOf(chunks), secretsOf({ url, headers }));
    throw new UpstreamError(failureOf(answer.status, answer.headers, said));
  }
}

/** The body of an answer, with what breaks it off told as ours. */
const readable = (exchange: Exchange): AsyncIterable<Buffer> => ({
  [Symbol.asyncIterator]: () => ({
    next: () =>
      exchange.next().catch((thrown: unknown) => {
        throw connectionFailure(thrown, 'interrupted');
      }),
    return: () => exchange.return(),
  }),
});

async function beginningOf(chunks: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of chunks) {
      parts.push(chunk);
      size += chunk.length;
      if (size > MOST_ERROR_BYTES) break;
    }
  } catch {
    // What was said before it broke off is what there is.
  }
  return Buffer.concat(parts).toString('utf8').slice(0, MOST_ERROR_BYTES);
}

/** Reads an answer that is not streamed. */
export async function wholeAnswer(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    size += chunk.length;
    if (size > MOST_ANSWER_BYTES) throw new UpstreamError(failure('interrupted', 'Its answer is too large.'));
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

const failure = (reason: UpstreamFailure['reason'], message: string): UpstreamFailure => ({
  reason,
  status: null,
  message,
  retryAfterMs: null,
});

const late = (cause?: unknown): UpstreamError =>
  new UpstreamError(failure('timeout', 'It did not answer in time.'), cause);

/** What the connection's end means. An abort of our own goes through as it is. */
function connectionFailure(thrown: unknown, otherwise: 'unreachable' | 'interrupted' = 'unreachable'): unknown {
  if (thrown instanceof UpstreamError) return thrown;
  if (thrown instanceof Error && thrown.name === 'TimeoutError') return late(thrown);
  if (thrown instanceof Error && thrown.name === 'AbortError') return thrown;
  if (thrown instanceof AppError && thrown.code === 'destination.refused')
    return new UpstreamError(failure('address_refused', thrown.message), thrown);
  const code = isObject(thrown) || thrown instanceof Error ? String((thrown as { code?: unknown }).code ?? '') : '';
  if (/TIMEOUT/.test(code)) return late(thrown);
  if (/HEADERS_OVERFLOW/.test(code))
    return new UpstreamError(failure('malformed', 'Its headers are too large.'), thrown);
  const message = otherwise === 'unreachable' ? 'It could not be reached.' : 'Its answer broke off.';
  return new UpstreamError(failure(otherwise, message), thrown);
}
