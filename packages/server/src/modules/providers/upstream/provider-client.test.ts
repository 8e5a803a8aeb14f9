import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';
import { afterAll, describe, expect, test } from 'vitest';
import { ProviderClient, wholeAnswer } from './provider-client.ts';

const dispatcher = new Agent();
const client = new ProviderClient({ dispatcher, silenceMs: 5_000 });
afterAll(() => dispatcher.destroy());

const never = new AbortController().signal;

/** Asks a provider that answers as the test says. */
async function asked(respond: RequestListener) {
  const server = createServer(respond).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    send: (signal = never, deadlineMs = 60_000) =>
      client.send({ url: new URL(`http://127.0.0.1:${port}/v1`), headers: {}, body: '{}' }, signal, deadlineMs),
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Says something and then nothing more, on a connection that stays open. */
const halting =
  (begun: (response: ServerResponse) => void = () => {}): RequestListener =>
  (_request, response) => {
    response.writeHead(200);
    response.write('begun');
    begun(response);
  };

describe('an answer', () => {
  test('comes whole, piece by piece', async () => {
    using provider = await asked((_request, response) => {
      response.writeHead(200, { 'x-kept': 'yes' });
      response.write('one ');
      setImmediate(() => response.end('two'));
    });
    const answer = await provider.send();
    expect(answer.headers['x-kept']).toBe('yes');
    expect(String(await wholeAnswer(answer.chunks))).toBe('one two');
  });

  test('that nobody reads is not read ahead without end', async () => {
    const chunk = Buffer.alloc(64 * 1024);
    let [made, isBlocked] = [0, false];
    using provider = await asked((_request, response) => {
      const more = (): void => {
        while (made < 64 << 20) {
          made += chunk.length;
          if (response.write(chunk)) continue;
          isBlocked = true;
          response.once('drain', () => {
            isBlocked = false;
            more();
          });
          return;
        }
        response.end();
      };
      more();
    });
    const { chunks } = await provider.send();
    await expect.poll(() => isBlocked, { timeout: 5_000 }).toBe(true);
    expect(made).toBeLessThan(32 << 20);
    expect((await wholeAnswer(chunks)).length).toBe(64 << 20);
  });

  test('that its reader leaves closes the connection', async () => {
    const closed = Promise.withResolvers<void>();
    using provider = await asked(halting((response) => response.once('close', closed.resolve)));
    const { chunks } = await provider.send();
    for await (const chunk of chunks) {
      expect(String(chunk)).toBe('begun');
      break;
    }
    await closed.promise;
  });

  test('that breaks off is read up to there', async () => {
    using provider = await asked(halting((response) => setImmediate(() => response.destroy())));
    const { chunks } = await provider.send();
    const read: string[] = [];
    const reading = (async () => {
      for await (const chunk of chunks) read.push(String(chunk));
    })();
    await expect(reading).rejects.toMatchObject({ failure: { reason: 'interrupted' } });
    expect(read).toEqual(['begun']);
  });

  test('that is aborted ends for its reader, and for the provider', async () => {
    const closed = Promise.withResolvers<void>();
    using provider = await asked(halting((response) => response.once('close', closed.resolve)));
    const leaving = new AbortController();
    const { chunks } = await provider.send(leaving.signal);
    const reading = wholeAnswer(chunks);
    leaving.abort();
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    await closed.promise;
  });

  test('that takes longer than it may, however it drips, is cut', async () => {
    using provider = await asked(
      halting((response) => {
        const drip = setInterval(() => response.write('.'), 5);
        response.once('close', () => clearInterval(drip));
      }),
    );
    const { chunks } = await provider.send(never, 100);
    await expect(wholeAnswer(chunks)).rejects.toMatchObject({ failure: { reason: 'timeout' } });
  });
});

test('a request that is aborted before anybody answers rejects at once', async () => {
  using provider = await asked(() => {});
  const leaving = new AbortController();
  const sending = provider.send(leaving.signal);
  leaving.abort();
  await expect(sending).rejects.toMatchObject({ name: 'AbortError' });
  await expect(provider.send(leaving.signal)).rejects.toMatchObject({ name: 'AbortError' });
});
