import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One in so many is refused before anything was done, and of one in so many the answer is lost. */
const REFUSED = 6;
const UNANSWERED = 7;

/**
 * A service that nodes ask: it does what it is asked once for each idempotency key, and gives the same receipt however often it
 * is asked. Now and then it refuses, or does it and is silent about it.
 */
export class OrderDesk implements AsyncDisposable {
  /** What was done, by idempotency key. */
  readonly receipts = new Map<string, { receipt: number; order: string }>();
  #asked = 0;
  #held: (() => void)[] | null = null;
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  static async open(): Promise<OrderDesk> {
    const desk = new OrderDesk();
    desk.#server.listen(0);
    await once(desk.#server, 'listening');
    return desk;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many wait at `/together`, which answers nobody before `release`. */
  get together(): number {
    return this.#held?.length ?? 0;
  }

  release(): void {
    for (const answer of this.#held ?? []) answer();
    this.#held = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    let text = '';
    try {
      for await (const chunk of request) text += chunk;
    } catch {
      return;
    }
    if (request.url === '/together') {
      this.#held ??= [];
      this.#held.push(() => response.end('{}'));
      return;
    }
    this.#asked += 1;
    if (this.#asked % REFUSED === 0) return void response.writeHead(503).end();
    const receipt = this.#do(String(request.headers['idempotency-key']), text);
    if (this.#asked % UNANSWERED === 0) return void response.destroy();
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ receipt }));
  }

  #do(key: string, text: string): number {
    const known = this.receipts.get(key);
    if (known) return known.receipt;
    const receipt = this.receipts.size + 1;
    this.receipts.set(key, { receipt, order: (JSON.parse(text) as { name: string }).name });
    return receipt;
  }
}
