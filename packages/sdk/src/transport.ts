import { type ApiError, toApiError } from './api-error.ts';
import { AssayError, ConnectionError, MalformedAnswerError, TimeoutError } from './assay-error.ts';
import { isRetryable, pause, pauseBefore } from './retry.ts';

/** How a client reaches its server. */
export type AssayOptions = {
  /**
   * An API key (`sk_…`) or an access token; or a function that gives one and is asked before every attempt, for tokens
   * that are renewed. Without one only the public routes answer.
   */
  apiKey?: string | (() => Promise<string>) | undefined;
  /** The organization to work in, for a person who is in several; the one that the credential stands for otherwise. */
  organizationId?: string | undefined;
  /** What the program calls itself, in logs and in lists of sign-ins. Browsers send their own. */
  userAgent?: string | undefined;
  /** Where the server is, with the path below which it is served, if any. Default: http://127.0.0.1:3001 */
  baseUrl?: string | undefined;
  /** Milliseconds that one attempt may take. Default: 60,000. */
  timeout?: number | undefined;
  /** How often a failed attempt is repeated. Default: 2. */
  maxRetries?: number | undefined;
  /** Another implementation of `fetch`. */
  fetch?: typeof fetch | undefined;
};

/** What can be said of a single call. */
export type CallOptions = {
  /** Ends the call; it then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Milliseconds that one attempt may take. */
  timeout?: number | undefined;
  maxRetries?: number | undefined;
  /** Names the effect, so that repeating the call does not repeat it. Every POST and PATCH has one of its own otherwise. */
  idempotencyKey?: string | undefined;
};

/** One request as it goes out. */
export type WireRequest = {
  method: string;
  /** As the contract writes it, `{name}` standing for a parameter. */
  path: string;
  params?: Record<string, string> | undefined;
  query?: Record<string, unknown> | undefined;
  body?: unknown;
  /** A body as forms send it (`application/x-www-form-urlencoded`), as OAuth wants it. */
  form?: Record<string, string | undefined> | undefined;
  /** A body of any bytes. A stream is read once; a function is asked for a new one before every attempt. */
  content?: Content | undefined;
  headers?: Record<string, string> | undefined;
  /** Statuses that are answers here although they are not 2xx. */
  accepted?: readonly number[] | undefined;
  /** Milliseconds for which the server may hold the answer back, on top of the time limit. */
  heldMs?: number | undefined;
};

/** Bytes to be sent. */
export type Content = Blob | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | (() => ReadableStream<Uint8Array>);

const DEFAULTS = { baseUrl: 'http://127.0.0.1:3001', timeout: 60_000, maxRetries: 2 };

/** Sends requests: credential, time limit, retries, and errors as classes. Knows no route. */
export class Transport {
  readonly #baseUrl: string;
  readonly #apiKey: () => Promise<string | null>;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeout: number;
  readonly #maxRetries: number;
  readonly #fetch: typeof fetch;

  /** @throws AssayError for a key or an address that cannot be one */
  constructor(options: AssayOptions) {
    this.#baseUrl = readBaseUrl(options.baseUrl ?? DEFAULTS.baseUrl);
    this.#apiKey = keySource(options.apiKey);
    this.#headers = {
      accept: 'application/json',
      ...(options.organizationId === undefined ? {} : { 'x-organization-id': options.organizationId }),
      ...(options.userAgent === undefined ? {} : { 'user-agent': options.userAgent }),
    };
    this.#timeout = options.timeout ?? DEFAULTS.timeout;
    this.#maxRetries = options.maxRetries ?? DEFAULTS.maxRetries;
    // Bound, because a browser's own refuses any other `this`.
    this.#fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  }

  get baseUrl(): string {
    return this.#baseUrl;
  }

  /**
   * Sends a request and reads its answer as JSON.
   * @throws ApiError when the server refuses, ConnectionError when none answers, MalformedAnswerError for other than JSON
   */
  json(request: WireRequest, options: CallOptions = {}): Promise<unknown> {
    return this.#withRetries(request, options, readJson);
  }

  /**
   * The same, with the answer's entity tag (`ETag`): the version that was read.
   * @throws ApiError when the server refuses, ConnectionError when none answers, MalformedAnswerError for other than JSON
   */
  tagged(request: WireRequest, options: CallOptions = {}): Promise<{ answer: unknown; etag: string | null }> {
    return this.#withRetries(request, options, async (response) => ({
      answer: await readJson(response),
      etag: response.headers.get('etag'),
    }));
  }

  /**
   * Sends a request and gives the answer with its body unread. The time limit covers the head of the answer only.
   * @throws ApiError when the server refuses, ConnectionError when none answers
   */
  open(request: WireRequest, options: CallOptions = {}): Promise<Response> {
    return this.#withRetries(request, options, async (response) => response);
  }

  async #withRetries<Read>(
    request: WireRequest,
    options: CallOptions,
    read: (response: Response) => Promise<Read>,
  ): Promise<Read> {
    // Made once: it is what tells the server that a second attempt is the same request.
    const init = this.#prepare(request, options);
    // What was read of a stream is gone.
    const isOnce = request.content instanceof ReadableStream;
    const attempts = isOnce ? 1 : 1 + (options.maxRetries ?? this.#maxRetries);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(request, init, { options, read });
      } catch (failure) {
        const wait = attempt < attempts ? pauseAfter(failure, attempt) : null;
        if (wait === null) throw failure;
        await pause(wait, options.signal);
      }
    }
  }

  async #attempt<Read>(
    request: WireRequest,
    init: Prepared,
    { options, read }: { options: CallOptions; read: (response: Response) => Promise<Read> },
  ): Promise<Read> {
    const key = await this.#apiKey();
    if (key !== null) init.headers.set('authorization', `Bearer ${key}`);
    const late = new AbortController();
    const timer = this.#limit(request, options, late);
    const signal = options.signal ? AbortSignal.any([options.signal, late.signal]) : late.signal;
    try {
      const response = await this.#fetch(this.#urlOf(request), { ...init, ...contentOf(request), signal });
      if (response.ok || request.accepted?.includes(response.status)) return await read(response);
      throw await refusalOf(response);
    } catch (thrown) {
      if (options.signal?.aborted) throw options.signal.reason;
      if (late.signal.aborted) throw late.signal.reason;
      throw thrown instanceof AssayError ? thrown : unreachable(this.#baseUrl, thrown);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Bytes take as long as they take, and the answer comes behind them: only a limit of the call's own holds for them. */
  #limit({ content, heldMs = 0 }: WireRequest, options: CallOptions, late: AbortController): Timer | undefined {
    const limit = options.timeout ?? (content === undefined ? this.#timeout : undefined);
    if (limit === undefined) return undefined;
    const timeout = limit + heldMs;
    return setTimeout(() => late.abort(new TimeoutError(`No answer came within ${timeout} ms.`)), timeout);
  }

  #prepare(request: WireRequest, options: CallOptions): Prepared {
    const headers = new Headers({ ...this.#headers, ...request.headers });
    if (request.method === 'POST' || request.method === 'PATCH') {
      headers.set('idempotency-key', options.idempotencyKey ?? crypto.randomUUID());
    }
    // A redirect would carry the body to an address that nobody configured.
    const init: Prepared = { method: request.method, headers, redirect: 'manual' };
    // `fetch` names the type of a form by itself.
    if (request.form !== undefined) return { ...init, body: new URLSearchParams(given(request.form)) };
    if (request.body === undefined) return init;
    headers.set('content-type', 'application/json');
    return { ...init, body: JSON.stringify(request.body) };
  }

  #urlOf({ path, params, query }: WireRequest): string {
    const filled = path.replace(/\{(\w+)\}/g, (whole, name: string) =>
      params?.[name] === undefined ? whole : encodeURIComponent(params[name]),
    );
    const search = new URLSearchParams(given(query ?? {})).toString();
    return `${this.#baseUrl}${filled}${search === '' ? '' : `?${search}`}`;
  }
}

type Prepared = RequestInit & { headers: Headers };
type Timer = ReturnType<typeof setTimeout>;

/** The bytes that go along; `fetch` wants to be told that an answer comes behind a stream. */
function contentOf({ content }: WireRequest): RequestInit & { duplex?: 'half' } {
  if (content === undefined) return {};
  return { body: typeof content === 'function' ? content() : content, duplex: 'half' };
}

/** Fields that have a value, as text. */
const given = (fields: Readonly<Record<string, unknown>>): [string, string][] =>
  Object.entries(fields).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );

function keySource(key: AssayOptions['apiKey']): () => Promise<string | null> {
  if (typeof key === 'function') return async () => readKey(await key());
  const read = readKey(key);
  return async () => read;
}

function readBaseUrl(text: string): string {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new AssayError(
      'The base URL must be an http or https address without a query, like https://assay.example.com.',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new AssayError('The base URL carries a user or password. Leave them out; the API key is the credential.');
  }
  return url.href.replace(/\/+$/, '');
}

/** The message must not show the key: it may be a real one with a line break too many. */
function readKey(text: string | undefined): string | null {
  const key = text?.trim() ?? '';
  if (key === '') return null;
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new AssayError('The API key holds characters that no key has. Copy it again, without quotes or line breaks.');
}

async function readJson(response: Response): Promise<unknown> {
  const text = await response.text();
  if (response.status === 204) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MalformedAnswerError(
      `The answer of status ${response.status} is not JSON. Check that the base URL is that of an Assay server.`,
      { cause },
    );
  }
}

async function refusalOf(response: Response): Promise<ApiError> {
  const text = await response.text();
  return toApiError({ status: response.status, headers: response.headers, body: parsed(text) });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** How long to wait before another attempt; null when another would end the same way. */
export function pauseAfter(failure: unknown, attempt: number): number | null {
  if (failure instanceof ConnectionError) return pauseBefore(attempt);
  if (isRefusal(failure) && isRetryable(failure.status, failure.headers)) return pauseBefore(attempt, failure.headers);
  return null;
}

const isRefusal = (failure: unknown): failure is ApiError => failure instanceof AssayError && 'status' in failure;

function unreachable(baseUrl: string, cause: unknown): ConnectionError {
  const reason = cause instanceof Error ? reasonOf(cause) : String(cause);
  return new ConnectionError(`${baseUrl} cannot be reached: ${reason}.`, { cause });
}

/** `fetch` says "fetch failed" and keeps what happened in the cause, which may be one error per address tried. */
function reasonOf(error: Error): string {
  const { cause } = error;
  const deepest = cause instanceof AggregateError ? cause.errors[0] : cause;
  return deepest instanceof Error && deepest.message !== '' ? deepest.message : error.message;
}
