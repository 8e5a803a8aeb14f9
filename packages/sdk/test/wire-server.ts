import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A request as the server got it. */
export type Received = { method: string; url: string; headers: IncomingMessage['headers']; body: string };
/** What to answer; a function answers by hand, or cuts the connection. */
export type Reply =
  | { status?: number; headers?: Record<string, string>; json?: unknown; text?: string }
  | ((response: ServerResponse) => void);

/** A server on a port of its own that answers as told and remembers what it was asked. */
export class WireServer implements AsyncDisposable {
  readonly received: Received[] = [];
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #reply: (received: Received, count: number) => Reply;

  private constructor(reply: (received: Received, count: number) => Reply) {
    this.#reply = reply;
  }

  /** @param reply gives the answer to a request; `count` is its number, from 1 */
  static async start(reply: (received: Received, count: number) => Reply): Promise<WireServer> {
    const server = new WireServer(reply);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get last(): Received {
    const last = this.received.at(-1);
    if (!last) throw new Error('Nothing was received.');
    return last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const received = { method, url, headers, body: await text(request) };
    this.received.push(received);
    const reply = this.#reply(received, this.received.length);
    if (typeof reply === 'function') return reply(response);
    const body = reply.text ?? (reply.json === undefined ? '' : JSON.stringify(reply.json));
    response.writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers });
    response.end(body);
  }
}

/** Breaks the connection without an answer. */
export const cut: Reply = (response) => response.destroy();
