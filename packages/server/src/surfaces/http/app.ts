import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { SECURITY_HEADERS, setHeaders } from './headers.ts';
import { isOverdue, limitSilence } from './patience.ts';
import { isEventStream } from './sse.ts';
import type { Surface } from './surface.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** Bodies of all routes but uploads. */
const BODY_LIMIT = 2 << 20;
/** How often bodies that take too long are looked for. */
const OVERDUE_LOOK_MS = 5_000;

const STOP_LOOK_MS = 10;
/** For what a cut connection still sets off; it is over at once unless a WebSocket is open. */
const LAST_WORDS_MS = 100;

/** One HTTP server with a scope per surface. */
export class HttpApp implements AsyncDisposable {
  readonly #fastify: FastifyInstance;
  readonly #surfaces: { prefix: string; surface: Surface }[] = [];
  readonly #stopMs: number;
  /** Responses that are not complete. */
  readonly #open = new Map<ServerResponse, { since: number }>();
  readonly #overdue: NodeJS.Timeout;

  /**
   * @param options `stopMs` is for how long a stop waits for requests that are under way, `silenceMs` for how long nothing may
   * come of a file
   */
  constructor(options: { proxies: TrustedProxies; stopMs: number; silenceMs: number }) {
    this.#stopMs = options.stopMs;
    this.#fastify = fastify({
      bodyLimit: BODY_LIMIT,
      trustProxy: (address) => options.proxies.trusts(address),
      forceCloseConnections: 'idle',
      exposeHeadRoutes: false,
      routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200 },
      frameworkErrors: (error, request, reply) => {
        // No hook sees these.
        setHeaders(reply as FastifyReply, SECURITY_HEADERS);
        this.#ownerOf(request.url)?.refuse(error, request as FastifyRequest, reply as FastifyReply);
      },
    });
    // Only surfaces read bodies. What is sent to a path that nobody serves is not looked at: the path is what is refused.
    this.#fastify.removeAllContentTypeParsers();
    this.#fastify.addContentTypeParser('*', async () => undefined);
    // Before any route sees the request.
    this.#fastify.server.prependListener('request', (request, response) => {
      limitSilence(request, options.silenceMs, () => endLate(response));
      this.#open.set(response, { since: performance.now() });
      response.once('close', () => this.#open.delete(response));
    });
    this.#overdue = setInterval(() => this.#endOverdue(), OVERDUE_LOOK_MS).unref();
    this.#fastify.addHook('onSend', async (_request, reply) => {
      for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
        if (!reply.hasHeader(name)) reply.header(name, value);
      }
    });
  }

  /** Registers a surface in a scope of its own. Unknown paths below its prefixes are answered in its shape. */
  async surface(prefixes: string | readonly string[], register: (scope: FastifyInstance) => Surface): Promise<void> {
    await this.#fastify.register((scope, _options, done) => {
      const surface = register(scope);
      for (const prefix of [prefixes].flat()) this.#surfaces.push({ prefix, surface });
      done();
    });
  }

  /** Registers pages and documents, which have no error shape of their own. */
  async pages(register: (scope: FastifyInstance) => Promise<void> | void): Promise<void> {
    await register(this.#fastify);
  }

  /** Ends the registration; what is left unknown belongs to the surface with the longest fitting prefix. */
  async ready(): Promise<void> {
    this.#surfaces.sort((a, b) => b.prefix.length - a.prefix.length);
    this.#fastify.setNotFoundHandler((request, reply) => this.#ownerOf(request.url)?.notFound(request, reply));
    await this.#fastify.ready();
  }

  /** Node's own limit for whole requests knows no exception, and an upload may take its time. */
  #endOverdue(): void {
    const now = performance.now();
    for (const [response, { since }] of this.#open) {
      if (isOverdue(response, now - since)) endLate(response);
    }
  }

  #ownerOf(url: string): Surface | undefined {
    const path = url.split('?', 1)[0] ?? '/';
    const found = this.#surfaces.find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`));
    // `OPTIONS *` is below no prefix, and must be answered too.
    return (found ?? this.#surfaces.at(-1))?.surface;
  }

  get server(): Server {
    return this.#fastify.server;
  }

  /** Listens, and gives the port. */
  async listen(host: string, port: number): Promise<number> {
    await this.#fastify.listen({ host, port });
    return (this.#fastify.server.address() as AddressInfo).port;
  }

  /**
   * Takes no new request, ends event streams (they resume elsewhere), waits for the other requests, and cuts what is left
   * then, callers that are connected and say nothing among it. Connections that became WebSockets are their owners' to end.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#overdue);
    const closed = this.#fastify.close();
    for (const response of this.#open.keys()) if (isEventStream(response)) response.end();
    const until = Date.now() + this.#stopMs;
    while (this.#open.size > 0 && Date.now() < until) await delay(STOP_LOOK_MS);
    this.server.closeAllConnections();
    await Promise.race([closed, delay(LAST_WORDS_MS)]);
  }
}

/** Ends a request whose body does not come, and says so where nothing was said yet. */
function endLate({ headersSent, socket }: ServerResponse): void {
  if (!headersSent) socket?.write('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n');
  socket?.destroySoon();
}
