import { Agent, type Dispatcher } from 'undici';
import { AppError } from '../../kernel/errors.ts';
import type { AddressRules } from './address-rules.ts';
import { readDestination } from './destination.ts';
import { destinationErrors } from './errors.ts';
import { guardedConnector, type Resolve } from './guarded-connector.ts';

export type HttpClientOptions = {
  rules: AddressRules;
  /** Instead of the system's resolver. */
  resolve?: Resolve;
  /** Connections to one origin. */
  connections?: number;
  connectTimeoutMs?: number;
};

export type Request = {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  /** For all of it, from the first look-up to the last byte. */
  timeoutMs?: number;
  maxBytes?: number;
  signal?: AbortSignal;
};

export type Response = { status: number; headers: Record<string, string | string[] | undefined>; body: Buffer };

/** Long enough for a slow issuer of tokens, short enough that whoever waits behind it is not given up on. */
const TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;
const CONNECTIONS = 32;
/** Answers of token endpoints and metadata are a few KiB; past this it is something else. */
const MAX_BYTES = 1024 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;

/**
 * Calls addresses that administrators of organizations choose, guarded against being turned on the inside of the
 * network (`guardedConnector`). Redirects are not followed: the next address was chosen by nobody.
 */
export class HttpClient implements AsyncDisposable {
  /** For calls that stream: the guard is in it. */
  readonly dispatcher: Agent;
  readonly rules: AddressRules;

  constructor({ rules, resolve, connections, connectTimeoutMs }: HttpClientOptions) {
    this.rules = rules;
    this.dispatcher = new Agent({
      connect: guardedConnector({
        rules,
        ...(resolve === undefined ? {} : { resolve }),
        timeoutMs: connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      }),
      connections: connections ?? CONNECTIONS,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
  }

  /**
   * Sends one request and reads the whole answer.
   * @throws AppError `destination.*`: refused, unreachable, redirected, too large, timed out
   */
  async exchange(address: string | URL, request: Request): Promise<Response> {
    const { timeoutMs = TIMEOUT_MS, maxBytes = MAX_BYTES } = request;
    const url = readDestination(String(address), { rules: this.rules, field: 'The address' });
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]);
    try {
      const answer = await this.dispatcher.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: request.method,
        headers: request.headers ?? {},
        body: request.body ?? null,
        signal,
      });
      return { status: answer.statusCode, headers: answer.headers, body: await bodyOf(answer, maxBytes) };
    } catch (thrown) {
      throw toRefusal(thrown, { url, timedOut: timeout.aborted });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispatcher.destroy();
  }
}

async function bodyOf({ statusCode, headers, body }: Dispatcher.ResponseData, maxBytes: number): Promise<Buffer> {
  try {
    if (statusCode >= 300 && statusCode < 400)
      throw destinationErrors.redirected('The address answers with a redirect. Give the one that it leads to instead.');
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes || Number(headers['content-length'] ?? 0) > maxBytes)
        throw destinationErrors.too_large(`The answer is larger than the ${maxBytes} bytes that are read.`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (thrown) {
    body.on('error', () => {});
    body.destroy();
    throw thrown;
  }
}

/** What went wrong, without what an answer said: that may hold what was sent. */
function toRefusal(thrown: unknown, { url, timedOut }: { url: URL; timedOut: boolean }): unknown {
  if (thrown instanceof AppError) return thrown;
  if (timedOut) return destinationErrors.timed_out(`${url.host} did not answer in time.`, { cause: thrown });
  if (thrown instanceof Error && thrown.name === 'AbortError') return thrown;
  return destinationErrors.unreachable(`${url.host} could not be reached.`, { cause: thrown });
}
