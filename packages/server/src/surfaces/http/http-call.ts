import { createHash, randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../kernel/errors.ts';
import { ANONYMOUS, type Principal } from '../../kernel/principal.ts';
import type { Call } from '../../platform/operation.ts';
import { type TraceContext, traceContext } from '../../platform/telemetry/trace-context.ts';
import { isEventStream } from './sse.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

const SANE_REQUEST_ID = /^[\w.:@/+=-]{1,128}$/;
/** How our command line names itself. Anybody can: of how a caller came we know no more than they say. */
const COMMAND_LINE = /^assay-cli\//;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** The id of a request: the caller's `X-Request-Id` if it is sane, else a new one. */
function requestId(header: string | string[] | undefined): string {
  return typeof header === 'string' && SANE_REQUEST_ID.test(header) ? header : randomUUID();
}

/** A call as HTTP makes it. The abort signal is made when somebody asks for it. */
export class HttpCall implements Call {
  readonly requestId: string;
  readonly trace: TraceContext;
  via: Call['via'];
  credential?: NonNullable<Call['credential']>;
  readonly address: string | null;
  readonly notes: Call['notes'] = { rate: null, replayed: false, tokens: null, cache: null };
  principal: Principal = ANONYMOUS;
  idempotency: Call['idempotency'] = null;
  teamId: string | null = null;
  /** Why it was ended from our side, while it was open. */
  ended: AppError | null = null;
  readonly #onGone: (listener: () => void) => void;
  #controller: AbortController | null = null;

  constructor(of: {
    headers: FastifyRequest['headers'];
    address: string | null;
    via: Call['via'];
    onGone(listener: () => void): void;
  }) {
    const traceparent = of.headers['traceparent'];
    this.requestId = requestId(of.headers['x-request-id']);
    this.trace = traceContext(typeof traceparent === 'string' ? traceparent : undefined);
    this.via = of.via;
    this.address = of.address;
    this.#onGone = of.onGone;
  }

  get traceId(): string {
    return this.trace.traceId;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      const controller = new AbortController();
      this.#controller = controller;
      this.#onGone(() => controller.abort());
    }
    return this.#controller.signal;
  }

  /** Ends what the call set going, as if the caller had gone. */
  end(reason: AppError): void {
    this.ended = reason;
    void this.signal;
    this.#controller?.abort();
  }
}

export function callOf(
  request: FastifyRequest,
  reply: FastifyReply,
  proxies: Pick<TrustedProxies, 'addressOf'>,
): HttpCall {
  return new HttpCall({
    headers: request.headers,
    address: proxies.addressOf(request.raw),
    via: COMMAND_LINE.test(request.headers['user-agent'] ?? '') ? 'cli' : 'http',
    // Asked for late, a caller may have left already. One whose answer is complete has not left early, and an abort that
    // concerns nobody any more is not cheap. A stream of events that the server ends still has somebody at its source.
    onGone(listener) {
      const { raw } = reply;
      if (raw.destroyed) listener();
      else raw.once('close', () => (raw.writableFinished && !isEventStream(raw)) || listener());
    },
  });
}

/**
 * Reads `Idempotency-Key` for an unsafe method, or `idempotency_key` in its body; what it is bound to is the body as it was
 * understood.
 * @throws AppError `invalid` when the key has an impossible form
 */
export function idempotencyOf(request: FastifyRequest, input: unknown): Call['idempotency'] {
  const key = request.headers['idempotency-key'] ?? keyIn(input);
  if (key === undefined || request.method === 'GET') return null;
  if (typeof key !== 'string' || !IDEMPOTENCY_KEY.test(key)) {
    throw new AppError(
      'invalid',
      'idempotency.key_invalid',
      'Idempotency-Key must be 1 to 255 visible ASCII characters, sent once.',
      {
        faults: [{ field: 'Idempotency-Key', constraint: 'format', message: '1 to 255 visible ASCII characters.' }],
      },
    );
  }
  return {
    key,
    inputHash: createHash('sha256')
      .update(JSON.stringify([request.url, input]) ?? '')
      .digest(),
  };
}

/** The key as the body of a request has it, where it is one that has. */
const keyIn = (input: unknown): unknown =>
  typeof input === 'object' && input !== null && 'idempotency_key' in input ? input.idempotency_key : undefined;
