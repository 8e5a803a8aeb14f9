import type { IncomingHttpHeaders } from 'node:http';
import { allRpcs, pathOf } from '@assay/contract/grpc';
import type {
  DescMessage,
  DescMethod,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import {
  status as Code,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { AppError, toAppError } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { Watched } from '../../modules/identity/index.ts';
import { cacheHeaders } from '../http/caching.ts';
import { findCredential } from '../http/credentials.ts';
import { rateHeaders } from '../http/headers.ts';
import type { HttpCall } from '../http/http-call.ts';
import type { HttpKit } from '../http/kit.ts';
import { callOf, headersOf, idempotencyOf } from './grpc-call.ts';
import { type Refusal, renderError } from './render-error.ts';
import { decode, encode } from './wire.ts';

type Unary<In extends DescMessage, Out extends DescMessage> = (
  request: MessageShape<In>,
  call: HttpCall,
  metadata: IncomingHttpHeaders,
) => Promise<MessageInitShape<Out>>;
type Streaming<In extends DescMessage, Out extends DescMessage> = (
  request: MessageShape<In>,
  call: HttpCall,
  metadata: IncomingHttpHeaders,
) => AsyncIterable<MessageInitShape<Out>>;

/** What serves each method of a service; one that is left out does not compile. */
export type Handlers<Service extends DescService> = {
  [Name in keyof Service['method']]: Service['method'][Name] extends DescMethodUnary<infer In, infer Out>
    ? Unary<In, Out>
    : Service['method'][Name] extends DescMethodServerStreaming<infer In, infer Out>
      ? Streaming<In, Out>
      : never;
};

/** A method with the operation that it stands for; null for those that need no credential. */
type Rpc = { method: DescMethod; path: string; operation: string | null; rate: string };
type Admitted = Pick<Watched, 'credential' | 'orgId' | 'address'>;

/** A consumer that leaves its stream unread for longer is cut; it resumes after the last position it saw. */
const STALL_MS = 30_000;

const OPERATIONS = new Map(allRpcs.map(({ path, operation }) => [path, operation]));

/** The services of the gRPC listener: each call is authenticated, decoded, handed over, and answered in one way. */
export class RpcSurface {
  readonly #server: Server;
  readonly #kit: HttpKit;
  /** What ends each stream that is open. */
  readonly #streams = new Set<(refusal: AppError) => void>();

  constructor(server: Server, kit: HttpKit) {
    this.#server = server;
    this.#kit = kit;
  }

  /** Serves all methods of a service; `rate` is the limit whose state answers show when no operation ran. */
  serve<Service extends DescService>(service: Service, rate: string, handlers: Handlers<Service>): void {
    for (const method of service.methods) {
      const path = pathOf(method);
      const rpc: Rpc = { method, path, operation: OPERATIONS.get(path) ?? null, rate };
      const handler: unknown = handlers[method.localName as keyof Service['method']];
      if (method.methodKind === 'unary') this.#unary(rpc, handler as Unary<DescMessage, DescMessage>);
      else this.#streaming(rpc, handler as Streaming<DescMessage, DescMessage>);
    }
  }

  /** Ends every open stream: callers resume elsewhere. */
  endStreams(): void {
    const stopping = new AppError('unavailable', 'server.stopping', 'The server is stopping. Call again.', {
      retryAfterMs: 1_000,
    });
    for (const end of this.#streams) end(stopping);
  }

  #unary(rpc: Rpc, handler: Unary<DescMessage, DescMessage>): void {
    const serve = async (grpc: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): Promise<void> => {
      const headers = headersOf(grpc.metadata);
      const call = callOf(grpc, headers, this.#kit.proxies);
      try {
        const request = decode(rpc.method.input, grpc.request);
        await this.#admit(rpc, call, headers);
        call.idempotency = idempotencyOf(headers, rpc.path, () => encode(rpc.method.input, request));
        if (grpc.cancelled) throw new AppError('cancelled', 'call.cancelled', 'The caller has gone.');
        const message = encode(rpc.method.output, await handler(request, call, headers));
        grpc.sendMetadata(initialMetadata(call));
        this.#count(rpc, Code.OK);
        answer(null, message, this.#trailers(rpc, call));
      } catch (thrown) {
        answer(this.#refuse(thrown, rpc, call));
      }
    };
    const handle: handleUnaryCall<Buffer, Buffer> = (grpc, answer) => void serve(grpc, answer);
    this.#server.register(rpc.path, handle, asIs, asIs, 'unary');
  }

  #streaming(rpc: Rpc, handler: Streaming<DescMessage, DescMessage>): void {
    const serve = async (grpc: ServerWritableStream<Buffer, Buffer>): Promise<void> => {
      const headers = headersOf(grpc.metadata);
      const call = callOf(grpc, headers, this.#kit.proxies);
      const ended: { by: AppError | null } = { by: null };
      const end = (refusal: AppError): void => {
        ended.by ??= refusal;
        call.end(refusal);
      };
      let unwatch = (): void => {};
      this.#streams.add(end);
      try {
        const request = decode(rpc.method.input, grpc.request);
        const admitted = await this.#admit(rpc, call, headers);
        call.idempotency = idempotencyOf(headers, rpc.path, () => encode(rpc.method.input, request));
        if (admitted) unwatch = this.#watch(rpc, call, { ...admitted, onEnd: end });
        grpc.sendMetadata(initialMetadata(call));
        for await (const message of handler(request, call, headers)) {
          if (call.signal.aborted) break;
          if (!grpc.write(encode(rpc.method.output, message))) await drained(grpc, call.signal);
        }
        if (ended.by !== null) throw ended.by;
        this.#count(rpc, Code.OK);
        grpc.end(this.#trailers(rpc, call));
      } catch (thrown) {
        grpc.emit('error', this.#refuse(thrown, rpc, call));
      } finally {
        unwatch();
        this.#streams.delete(end);
      }
    };
    const handle: handleServerStreamingCall<Buffer, Buffer> = (grpc) => void serve(grpc);
    this.#server.register(rpc.path, handle, asIs, asIs, 'serverStream');
  }

  /** Finds out who calls; null where nobody needs to be known. */
  async #admit({ operation }: Rpc, call: HttpCall, headers: IncomingHttpHeaders): Promise<Admitted | null> {
    if (operation === null) return null;
    const credential = findCredential({ headers, queryKey: null });
    if (!credential) {
      throw new AppError(
        'unauthenticated',
        'credential.missing',
        'Authentication is required. Send the metadata `authorization: Bearer <token or key>` or `x-api-key: <key>`.',
      );
    }
    const named = headers['x-organization-id'];
    const orgId = (typeof named === 'string' ? named : named?.[0]) ?? null;
    call.principal = await this.#kit.authenticator.authenticate(credential, orgId, call.address);
    call.credential = credential.kind;
    return { credential, orgId, address: call.address };
  }

  /** A stream outlives the check at its start: it ends with its credential, or with the right to it. */
  #watch({ operation }: Rpc, call: HttpCall, watched: Omit<Watched, 'check'>): () => void {
    const check = (principal: Principal): void => {
      this.#kit.authorize(principal, String(operation));
      // What the stream shows from now on is what the caller may see from now on.
      call.principal = principal;
    };
    return this.#kit.authenticator.watch({ ...watched, check });
  }

  #refuse(thrown: unknown, rpc: Rpc, call: HttpCall): Refusal & Error {
    const error = toAppError(thrown);
    if (error.kind === 'internal') {
      const err = error.cause ?? error;
      this.#kit.log.error({ err, request_id: call.requestId, rpc: rpc.path }, 'a call failed on our side');
    }
    const refusal = renderError(error, call.requestId);
    refusal.metadata.merge(this.#trailers(rpc, call));
    refusal.metadata.set('x-request-id', call.requestId);
    this.#count(rpc, refusal.code);
    return Object.assign(new Error(refusal.details), refusal);
  }

  /** What is known only at the end: how the caller stands with the rate limit, and whether the answer is an earlier one. */
  #trailers({ rate }: Rpc, call: HttpCall): Metadata {
    const metadata = new Metadata();
    const limits = rateHeaders(call.notes.rate ?? this.#kit.peekRate(rate, call));
    const headers = { ...limits, ...cacheHeaders(call) };
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    if (call.notes.replayed) metadata.set('idempotent-replayed', 'true');
    return metadata;
  }

  #count({ path }: Rpc, code: Code): void {
    this.#kit.metrics.rpcs.inc({ method: path, code: Code[code] });
  }
}

/** Messages are read and written here, where a fault can still be answered in words; the library only carries them. */
const asIs = (bytes: Buffer): Buffer => bytes;

function initialMetadata(call: HttpCall): Metadata {
  const metadata = new Metadata();
  metadata.set('x-request-id', call.requestId);
  return metadata;
}

/** Waits until the client has read, or has gone. */
async function drained(grpc: ServerWritableStream<Buffer, Buffer>, signal: AbortSignal): Promise<void> {
  const flows = await new Promise<boolean>((resolve) => {
    const done = (isFlowing: boolean) => (): void => {
      clearTimeout(timer);
      grpc.off('drain', onDrain);
      signal.removeEventListener('abort', onGone);
      resolve(isFlowing);
    };
    const onDrain = done(true);
    const onGone = done(true);
    const timer = setTimeout(done(false), STALL_MS);
    grpc.once('drain', onDrain);
    signal.addEventListener('abort', onGone, { once: true });
    if (signal.aborted) onGone();
  });
  if (flows) return;
  throw new AppError(
    'unavailable',
    'stream.stalled',
    'The stream was not read for 30 seconds and is cut. Call again after the last position you saw.',
  );
}
