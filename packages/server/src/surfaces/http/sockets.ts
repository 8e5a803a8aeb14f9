import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { type AppError, toAppError } from '../../kernel/errors.ts';
import type { Call } from '../../platform/operation.ts';
import { findCredential } from './credentials.ts';
import { HttpCall } from './http-call.ts';
import type { HttpKit } from './kit.ts';
import { targetOf } from './request-target.ts';
import { assertSameOrigin } from './same-origin.ts';

export type SocketContext = { call: Call; query: URLSearchParams };
/** Serves one open socket; ends when it is done with it. */
export type SocketHandler = (socket: WebSocket, context: SocketContext) => Promise<void>;

/** Frames that callers send are small control messages. */
const MAX_FRAME_BYTES = 64 * 1024;
/** Bytes that may wait for a client that does not read, before it is cut; it resumes by id. */
const MAX_UNREAD_BYTES = 1 << 20;
/** How long a client may leave so much unread before it is cut. */
const STALL_MS = 30_000;
const PING_MS = 15_000;
const CLOSE_MS = 2_000;

/** The subprotocol of CloudEvents' binding to WebSockets, in its JSON format. */
export const CLOUD_EVENTS_PROTOCOL = 'cloudevents.json';
/** Codes of ours for closing, in the range that is free for it. */
const CLOSE_GONE = 4410;

const STATUS_TEXT: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
};

/** WebSocket end points on the server's own port, by path. */
export class Sockets implements AsyncDisposable {
  readonly #kit: HttpKit;
  readonly #served = new Map<string, { operation: string; handler: SocketHandler }>();
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    handleProtocols: (offered) =>
      offered.has(CLOUD_EVENTS_PROTOCOL) ? CLOUD_EVENTS_PROTOCOL : ([...offered][0] ?? false),
  });

  constructor(kit: HttpKit) {
    this.#kit = kit;
  }

  /** Serves a path with the operation that its sockets stand for: a socket ends when its caller may not run it any more. */
  serve(path: string, operation: string, handler: SocketHandler): void {
    this.#served.set(path, { operation, handler });
  }

  /** Takes over upgrade requests of an HTTP server. `claimed` paths are somebody else's. */
  attach(server: Server, claimed: ReadonlySet<string>): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const url = targetOf(request);
      if (url !== null && claimed.has(url.pathname)) return;
      socket.on('error', () => socket.destroy());
      if (url === null) refuse(socket, 400, MALFORMED);
      else void this.#upgrade(request, socket, head, url);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#server.clients) client.close(1001, 'The server is stopping. Connect again.');
    this.#server.close();
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, url: URL): Promise<void> {
    const served = this.#served.get(url.pathname);
    if (!served)
      return refuse(socket, 404, { error: 'Not found', detail: 'There is no WebSocket here.', status_code: 404 });
    try {
      const call = new HttpCall({
        headers: request.headers,
        address: this.#kit.proxies.addressOf(request),
        via: 'websocket',
        onGone: (listener) => void socket.once('close', listener),
      });
      const credential = findCredential({ headers: request.headers, queryKey: keysOf(url) });
      if (!credential) return refuse(socket, 401, UNAUTHENTICATED);
      // A browser opens a socket to anywhere, cookie and all, and lets the page that asked read what comes.
      if (credential.kind === 'session') assertSameOrigin(request.headers, this.#kit.publicUrl);
      const named = request.headers['x-organization-id'];
      const orgId = (typeof named === 'string' ? named : url.searchParams.get('organization_id')) ?? null;
      call.principal = await this.#kit.authenticator.authenticate(credential, orgId, call.address);
      call.credential = credential.kind;
      this.#server.handleUpgrade(request, socket, head, (client) => {
        const unwatch = this.#kit.authenticator.watch({
          credential,
          orgId,
          address: call.address,
          check: (principal) => {
            this.#kit.authorize(principal, served.operation);
            call.principal = principal;
          },
          onEnd: (refusal) => client.close(1008, refusal.message.slice(0, 120)),
        });
        client.once('close', unwatch);
        void this.#run(client, served.handler, { call, query: url.searchParams });
      });
    } catch (thrown) {
      const refusal = toAppError(thrown);
      const status =
        { unauthenticated: 401, denied: 403, invalid: 400, not_found: 404, rate_limited: 429, unavailable: 503 }[
          refusal.kind as string
        ] ?? 400;
      refuse(socket, status, { error: STATUS_TEXT[status], detail: refusal.message, status_code: status });
    }
  }

  async #run(client: WebSocket, handler: SocketHandler, context: SocketContext): Promise<void> {
    const stopWatching = watch(client);
    try {
      await handler(client, context);
    } catch (thrown) {
      const refusal = toAppError(thrown);
      if (refusal.kind === 'internal') this.#kit.log.error({ err: thrown }, 'a socket failed on our side');
      client.close(closeCodeOf(refusal), refusal.message.slice(0, 120));
    } finally {
      stopWatching();
    }
  }
}

const keysOf = (url: URL): string | string[] | null => {
  const keys = url.searchParams.getAll('api_key');
  return keys.length > 1 ? keys : (keys[0] ?? null);
};

/** Pings, and cuts a client that neither answers nor reads. */
function watch(client: WebSocket): () => void {
  let isAlive = true;
  client.on('pong', () => {
    isAlive = true;
  });
  client.on('error', () => client.terminate());
  const timer = setInterval(() => {
    if (!isAlive) return client.terminate();
    isAlive = false;
    client.ping();
  }, PING_MS);
  return () => clearInterval(timer);
}

const closeCodeOf = ({ kind }: AppError): number => {
  if (kind === 'unavailable') return 1013;
  return kind === 'precondition' ? CLOSE_GONE : 1008;
};

/** Sends messages, and waits where the client does not read; false when it has gone, or was cut for reading too slowly. */
export async function sendTexts(client: WebSocket, texts: readonly string[], signal: AbortSignal): Promise<boolean> {
  for (const text of texts) {
    if (client.readyState !== client.OPEN) return false;
    if (client.bufferedAmount <= MAX_UNREAD_BYTES) client.send(text);
    else if (!(await sentInTime(client, text, signal))) return false;
  }
  return client.readyState === client.OPEN;
}

/** Sends a message and waits until it has left. A client that takes none for long is cut. */
function sentInTime(client: WebSocket, text: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (sent: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onGone);
      resolve(sent);
    };
    const onGone = (): void => done(false);
    const timer = setTimeout(() => {
      cut(client);
      done(false);
    }, STALL_MS);
    signal.addEventListener('abort', onGone, { once: true });
    client.send(text, (error) => done(!error));
  });
}

/** Sends a JSON message; false when the client reads too slowly and was cut. */
export function sendJson(client: WebSocket, message: unknown): boolean {
  if (client.readyState !== client.OPEN) return false;
  if (client.bufferedAmount > MAX_UNREAD_BYTES) {
    cut(client);
    return false;
  }
  client.send(JSON.stringify(message));
  return true;
}

function cut(client: WebSocket): void {
  client.close(1013, 'Read too slowly. Connect again with ?after= and the last id you saw.');
  // A client that reads nothing never answers the close.
  setTimeout(() => client.terminate(), CLOSE_MS).unref();
}

const MALFORMED = { error: 'Bad Request', detail: 'The address of the request cannot be read.', status_code: 400 };

const UNAUTHENTICATED = {
  error: 'Unauthorized',
  detail: 'Send `Authorization: Bearer <token or key>`, `X-API-Key`, or `?api_key=` with an API key.',
  status_code: 401,
};

function refuse(socket: Duplex, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? 'Error'}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
  );
}
