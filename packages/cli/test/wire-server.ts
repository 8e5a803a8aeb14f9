import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export type Received = { method: string; url: string; headers: IncomingMessage['headers']; body: string };
export type Answer = { status?: number; headers?: Record<string, string>; json?: unknown; text?: string };
/** What to answer. A function that gives nothing has answered by hand. */
export type Route = Answer | ((received: Received, response: ServerResponse) => Answer | undefined);
/** Answers by `METHOD /path`, without the query. */
export type Routes = Readonly<Record<string, Route>>;

const UNKNOWN: Answer = {
  status: 404,
  json: { error: 'Not found', detail: 'There is nothing here.', status_code: 404 },
};

/** A server of the wire format on a port of its own, which remembers what it was asked. */
export class WireServer implements AsyncDisposable {
  readonly received: Received[] = [];
  readonly #routes: Routes;
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  private constructor(routes: Routes) {
    this.#routes = routes;
  }

  static async start(routes: Routes): Promise<WireServer> {
    const server = new WireServer(routes);
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
    const route = this.#routes[`${method} ${url.split('?')[0]}`] ?? UNKNOWN;
    const answer = typeof route === 'function' ? route(received, response) : route;
    if (answer === undefined) return;
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
    response.end(answer.text ?? JSON.stringify(answer.json ?? {}));
  }
}

/** Answers with server-sent events, each with its id, and then ends or breaks the connection. */
export const events =
  (
    frames: readonly { id: string; event: string; data: unknown }[],
    then: 'end' | 'break' = 'end',
  ): Exclude<Route, Answer> =>
  (_received, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const text = frames.map(({ id, event, data }) => `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    const whole = text.join('');
    // A break leaves half a frame behind.
    response.write(then === 'end' ? whole : `${whole}id: 99.99\nevent: out`, () =>
      then === 'end' ? response.end() : response.destroy(),
    );
    return undefined;
  };
