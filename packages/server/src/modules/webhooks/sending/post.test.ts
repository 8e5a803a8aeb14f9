import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { dnsServer } from '../../../../test/fakes/dns-server.ts';
import { webhookReceiver } from '../../../../test/fakes/webhook-receiver.ts';
import { until } from '../../../../test/until.ts';
import { AddressRules, HttpClient, type Resolve } from '../../../platform/http-client/index.ts';
import { writeSecret } from '../endpoints/model.ts';
import { type Posted, post } from './post.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});
const opened = <One extends AsyncDisposable>(one: One): One => {
  open.push(one);
  return one;
};

const SECRET = Buffer.alloc(32, 7);
const MESSAGE = { id: 'evt_1', at: new Date(), body: JSON.stringify({ type: 'test.happened', data: {} }) };

type How = { networks?: readonly string[]; resolve?: Resolve; signal?: AbortSignal };

function send(url: string, { networks = ['loopback'], resolve, signal }: How = {}): Promise<Posted> {
  const rules = new AddressRules(networks);
  const client = opened(new HttpClient({ rules, ...(resolve === undefined ? {} : { resolve }) }));
  const options = { client, userAgent: 'Assay/test', signal: signal ?? new AbortController().signal };
  return post(url, { message: MESSAGE, secrets: [SECRET] }, options);
}

async function answering(answer: RequestListener) {
  const receiver = opened(await webhookReceiver());
  receiver.answer = answer;
  return receiver;
}

/** A server that speaks below HTTP. */
async function speaking(talk: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    talk(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened({
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;
}

describe('a message', () => {
  test('arrives as the library of Standard Webhooks wants it, and the answer is noted', async () => {
    const receiver = await answering((_request, response) => void response.writeHead(201).end('thanks\0'));
    expect(await send(`${receiver.url}?to=me`)).toEqual({
      status: 201,
      error: null,
      answer: 'thanks\uFFFD',
      askedSeconds: 0,
    });
    const [message] = receiver.received;
    if (!message) throw new Error('Nothing arrived.');
    expect(receiver.verify(message, writeSecret(SECRET))).toEqual({ type: 'test.happened', data: {} });
    expect(() => receiver.verify(message, writeSecret(Buffer.alloc(32, 8)))).toThrow();
    expect(message.headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'Assay/test',
      'webhook-id': 'evt_1',
    });
  });

  test('is not taken by an answer that is no success, and a wait that is asked for is noted', async () => {
    const receiver = await answering((_request, response) => {
      response.writeHead(503, { 'retry-after': '120' }).end('busy');
    });
    expect(await send(receiver.url)).toEqual({
      status: 503,
      error: 'It answered 503.',
      answer: 'busy',
      askedSeconds: 120,
    });
  });

  test('does not follow a redirect', async () => {
    const elsewhere = await answering((_request, response) => void response.end());
    const receiver = await answering((_request, response) => {
      response.writeHead(307, { location: elsewhere.url }).end();
    });
    const { status, error } = await send(receiver.url);
    expect([status, error]).toEqual([307, 'It answered 307, a redirect. Redirects are not followed.']);
    expect(elsewhere.received).toEqual([]);
  });
});

describe('an answer', () => {
  test('of a gigabyte is taken by its status; little of it is read', async () => {
    let written = 0;
    const receiver = await answering((_request, response) => {
      response.writeHead(200, { 'content-length': String(2 ** 30) });
      const chunk = Buffer.alloc(65_536, 'x');
      const more = (): void => {
        while (!response.destroyed && response.write(chunk)) written += chunk.length;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    const posted = await send(receiver.url);
    expect(posted).toMatchObject({ status: 200, error: null });
    expect(posted.answer).toBe('x'.repeat(2_048));
    expect(written).toBeLessThan(2 ** 26);
  });

  test('that never ends is taken by its status after a moment', async () => {
    const receiver = await answering((_request, response) => void response.writeHead(200).write('a'));
    expect(await send(receiver.url)).toMatchObject({ status: 200, error: null, answer: 'a' });
    await until('the connection is closed', () => receiver.open === 0);
  });

  test.each([
    [
      'that breaks off in the middle',
      (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc'),
      200,
      null,
    ],
    [
      'that is not HTTP',
      (socket: Socket) => socket.end('SSH-2.0-OpenSSH\r\n\r\n'),
      null,
      'What it answered is not HTTP.',
    ],
    [
      'with headers without end',
      (socket: Socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        for (let line = 0; line < 2_000; line++) socket.write(`x-${line}: ${'y'.repeat(100)}\r\n`);
      },
      null,
      'The headers of its answer are too large.',
    ],
    ['that does not come', (socket: Socket) => socket.end(), null, 'It closed the connection before it answered.'],
  ] as const)('%s is told in words', async (_name, talk, status, error) => {
    const url = await speaking((socket) => void socket.once('data', () => talk(socket)));
    expect(await send(url)).toMatchObject({ status, error });
  });

  test('that is waited for ends with the process that waits', async () => {
    const stop = new AbortController();
    const receiver = await answering(() => stop.abort(new Error('stopping')));
    await expect(send(receiver.url, { signal: stop.signal })).rejects.toThrow('stopping');
  });
});

describe('an address', () => {
  test.each([
    ['loopback', 'http://127.0.0.1:1/'],
    ['loopback over TLS', 'https://127.0.0.1:1/'],
    ['the metadata service', 'https://169.254.169.254/latest/'],
    ['a private network', 'https://10.1.2.3/'],
    ['loopback as a number', 'https://2130706433/'],
    ['a mapped address', 'https://[::ffff:127.0.0.1]/'],
    ['the name of the machine', 'https://localhost:1/'],
  ])('of %s is not called', async (_name, url) => {
    const { status, error } = await send(url, { networks: [] });
    expect(status).toBeNull();
    expect(error).toMatch(/is not an address that may be called/);
  });

  test('whose name turns to the inside between two messages is not called', async () => {
    const server = await dnsServer([['203.0.113.9'], ['127.0.0.1']]);
    opened(server);
    const receiver = await answering((_request, response) => void response.end());
    const { port } = new URL(receiver.url);
    for (let attempt = 0; attempt < 2; attempt++) {
      const { error } = await send(`https://rebinding.example:${port}/`, { networks: [], resolve: server.resolve });
      expect(error).toMatch(/is not an address that may be called/);
    }
    expect(receiver.received).toEqual([]);
  });

  test('that nobody is at says so', async () => {
    const url = await speaking(() => {});
    await open.pop()?.[Symbol.asyncDispose]();
    expect(await send(url)).toMatchObject({ status: null, error: 'It refused the connection.' });
    const unknown = await dnsServer([[]]);
    opened(unknown);
    const { error } = await send('https://nobody.example/', { resolve: unknown.resolve });
    expect(error).toBe('Its name has no address.');
  });
});
