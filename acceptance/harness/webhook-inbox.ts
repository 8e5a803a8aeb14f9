import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** A message, checked with the library of Standard Webhooks as a receiver does. */
export type Delivered = { id: string; type: string; subject: string; data: Record<string, unknown> };

/** A receiver of webhooks on this machine, which takes what is signed with its secret and refuses everything else. */
export class WebhookInbox implements AsyncDisposable {
  readonly delivered: Delivered[] = [];
  /** What a message is signed with; it is known once the webhook was made. */
  secret = '';
  /** Answers with this status, whatever arrives; null: 204 for what is signed rightly. */
  outage: number | null = null;
  /** Messages whose signature did not fit. */
  refused = 0;
  readonly #server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const status = this.outage ?? this.#take(Buffer.concat(chunks).toString(), request.headers);
    response.writeHead(status).end();
  });

  static async open(): Promise<WebhookInbox> {
    const inbox = new WebhookInbox();
    inbox.#server.listen(0, '127.0.0.1');
    await once(inbox.#server, 'listening');
    return inbox;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #take(text: string, headers: IncomingHttpHeaders): number {
    try {
      const message = new Webhook(this.secret).verify(text, headers as Record<string, string>) as Omit<Delivered, 'id'>;
      this.delivered.push({ id: String(headers['webhook-id']), ...message });
      return 204;
    } catch {
      this.refused += 1;
      return 401;
    }
  }
}
