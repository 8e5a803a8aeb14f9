import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyReply } from 'fastify';
import { expect, test } from 'vitest';
import { sendStream } from './sse.ts';

test('the first piece goes out before those that come with it', async () => {
  /** What of the pieces before was still held back when the next was asked for, bytes. */
  const heldBack: number[] = [];
  async function* pieces(raw: ServerResponse): AsyncGenerator<string> {
    for (const piece of ['first', 'second', 'third']) {
      heldBack.push(raw.socket?.writableLength ?? Number.NaN);
      yield `data: ${piece}\n\n`;
    }
  }
  const server = createServer((_request, raw) => {
    const reply = { raw, hijack: () => {} } as unknown as FastifyReply;
    void sendStream(reply, pieces(raw), { headers: {}, signal: new AbortController().signal });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  expect(await answer.text()).toBe('data: first\n\ndata: second\n\ndata: third\n\n');
  server.close();
  expect(heldBack[1]).toBe(0);
});
