import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** A message as it arrived. */
export type Received = { id: string; headers: IncomingHttpHeaders; text: string; body: Message };
export type Message = {
  type: string;
  timestamp: string;
  organization_id: string;
  subject: string;
  data: Record<string, unknown>;
};

/** A receiver of webhooks on loopback. */
export type WebhookReceiver = AsyncDisposable & {
  url: string;
  readonly received: Received[];
  /** Requests that are under way, and the most that ever were. */
  readonly open: number;
  readonly mostOpen: number;
  /** How it answers; 204 at once unless told otherwise. */
  answer: RequestListener;
  /** Holds what arrived to its signature by this secret, as the library of the standard does. */
  verify(message: Received, secret: string): unknown;
};

export async function webhookReceiver(): Promise<WebhookReceiver> {
  const received: Received[] = [];
  let open = 0;
  let mostOpen = 0;
  const server = createServer(async (request, response) => {
    open += 1;
    mostOpen = Math.max(mostOpen, open);
    response.on('close', () => {
      open -= 1;
    });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const { headers } = request;
    received.push({ id: String(headers['webhook-id']), headers, text, body: JSON.parse(text) as Message });
    receiver.answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const receiver: WebhookReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    get open() {
      return open;
    },
    get mostOpen() {
      return mostOpen;
    },
    answer: (_request, response) => void response.writeHead(204).end(),
    verify: ({ headers, text }, secret) => new Webhook(secret).verify(text, headers as Record<string, string>),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return receiver;
}
