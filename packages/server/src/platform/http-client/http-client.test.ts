import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { dnsServer } from '../../../test/fakes/dns-server.ts';
import { AddressRules } from './address-rules.ts';
import { readDestination } from './destination.ts';
import { HttpClient, type HttpClientOptions, type Request } from './http-client.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function serve(listener: RequestListener): Promise<{ port: number; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.headers.host} ${request.url}`);
    listener(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
  return { port: (server.address() as AddressInfo).port, seen };
}

function client(opened: readonly string[] = [], options: Partial<HttpClientOptions> = {}): HttpClient {
  const made = new HttpClient({ rules: new AddressRules(opened), ...options });
  open.push(made);
  return made;
}

async function resolverOf(...answers: string[][]) {
  const server = await dnsServer(answers);
  open.push(server);
  return server;
}

/** The code of the refusal; what the answer was when there is none. */
const codeOf = (made: HttpClient, url: string, request: Partial<Request> = {}): Promise<unknown> =>
  made.exchange(url, { method: 'GET', ...request }).then(
    ({ status }) => status,
    (error: { code?: string }) => error.code ?? error,
  );

describe('a call', () => {
  test('goes to a network that the operator opened, and gives the whole answer', async () => {
    const { port, seen } = await serve((request, response) => {
      request.pipe(response.writeHead(201, { 'content-type': 'text/plain', 'x-a': 'b' }));
    });
    const answer = await client(['loopback']).exchange(`http://127.0.0.1:${port}/a?b=c`, {
      method: 'POST',
      body: 'hi',
    });
    expect(answer).toMatchObject({ status: 201, headers: { 'x-a': 'b' }, body: Buffer.from('hi') });
    expect(seen).toEqual([`POST 127.0.0.1:${port} /a?b=c`]);
  });

  test.each([
    ['loopback', '127.0.0.1'],
    ['loopback by another number', '127.9.9.9'],
    ['a decimal address', '2130706433'],
    ['an octal address', '0177.0.0.1'],
    ['a hexadecimal address', '0x7f.1'],
    ['a short address', '127.1'],
    ['digits of other scripts', '１２７.0.0.1'],
    ['no address', '0'],
    ['loopback of version 6', '[::1]'],
    ['a mapped address', '[::ffff:127.0.0.1]'],
    ['a compatible address', '[::7f00:1]'],
    ['the name of the machine itself', 'localhost'],
  ])('does not reach %s', async (_name, host) => {
    const { port, seen } = await serve((_request, response) => void response.end('secret'));
    for (const scheme of ['http', 'https'])
      expect(await codeOf(client(), `${scheme}://${host}:${port}/`)).toBe('destination.refused');
    expect(seen).toEqual([]);
  });

  test('does not reach the metadata of a cloud, by number or by name', async () => {
    const { resolve } = await resolverOf(['169.254.169.254']);
    expect(await codeOf(client([], { resolve }), 'https://169.254.169.254/latest/meta-data')).toBe(
      'destination.refused',
    );
    expect(await codeOf(client([], { resolve }), 'https://metadata.example/')).toBe('destination.refused');
    expect(await codeOf(client(['loopback'], { resolve }), 'http://metadata.example/')).toBe('destination.refused');
  });

  test('does not go to a name that has a closed address among its own', async () => {
    const { resolve } = await resolverOf(['93.184.215.14', '10.0.0.1']);
    expect(await codeOf(client([], { resolve }), 'https://mixed.example/')).toBe('destination.refused');
  });

  test('goes to the address that was judged, whatever the name says a moment later', async () => {
    const { port, seen } = await serve((_request, response) => void response.end());
    const server = await resolverOf(['127.0.0.1'], ['10.0.0.1']);
    const made = client(['loopback'], { resolve: server.resolve });
    expect(await codeOf(made, `http://rebinding.example:${port}/`)).toBe(200);
    expect([server.asked, seen]).toEqual([1, [`GET rebinding.example:${port} /`]]);
    await made[Symbol.asyncDispose]();
    // A new connection is a new question, and the answer that was turned on the inside is refused.
    const again = client(['loopback'], { resolve: server.resolve });
    expect(await codeOf(again, `http://rebinding.example:${port}/`)).toBe('destination.refused');
    expect([server.asked, seen.length]).toEqual([2, 1]);
  });

  test('without TLS goes to no public address', async () => {
    const { resolve } = await resolverOf(['93.184.215.14']);
    const made = client(['loopback'], { resolve });
    expect(await codeOf(made, 'http://plain.example/')).toBe('destination.refused');
    expect(await codeOf(made, 'http://93.184.215.14/')).toBe('destination.refused');
  });

  test.each([301, 302, 303, 307, 308])('does not follow a redirect (%i)', async (status) => {
    const { port, seen } = await serve((_request, response) => {
      response.writeHead(status, { location: 'http://127.0.0.1:1/inside' }).end();
    });
    expect(await codeOf(client(['loopback']), `http://127.0.0.1:${port}/`)).toBe('destination.redirected');
    expect(seen).toHaveLength(1);
  });

  test('ends when the answer is too large, said or not', async () => {
    const { port } = await serve((request, response) => {
      if (request.url === '/said') response.writeHead(200, { 'content-length': 5_000_000 });
      response.write(Buffer.alloc(4_096));
      const timer = setInterval(() => response.write(Buffer.alloc(4_096)), 1);
      response.on('close', () => clearInterval(timer));
    });
    for (const path of ['/said', '/unsaid'])
      expect(await codeOf(client(['loopback']), `http://127.0.0.1:${port}${path}`, { maxBytes: 10_000 })).toBe(
        'destination.too_large',
      );
  });

  test('ends when there is no answer in time, or only a slow drip of one', async () => {
    const { port } = await serve((request, response) => {
      if (request.url === '/silent') return;
      const timer = setInterval(() => response.write('.'), 10);
      response.on('close', () => clearInterval(timer));
    });
    for (const path of ['/silent', '/drip'])
      expect(await codeOf(client(['loopback']), `http://127.0.0.1:${port}${path}`, { timeoutMs: 200 })).toBe(
        'destination.timed_out',
      );
  });

  test('of nobody, of a huge head and of nonsense says that it was not reached', async () => {
    const { port } = await serve((request, response) => {
      if (request.url === '/head') response.writeHead(200, { 'x-large': 'x'.repeat(30_000) }).end();
      else request.socket.end('nonsense\r\n\r\n');
    });
    const made = client(['loopback']);
    expect(await codeOf(made, 'http://127.0.0.1:1/')).toBe('destination.unreachable');
    for (const path of ['/head', '/nonsense'])
      expect(await codeOf(made, `http://127.0.0.1:${port}${path}`)).toBe('destination.unreachable');
  });

  test('ends when its caller has gone', async () => {
    const gone = new AbortController();
    const { port } = await serve(() => gone.abort());
    await expect(
      client(['loopback']).exchange(`http://127.0.0.1:${port}/`, { method: 'GET', signal: gone.signal }),
    ).rejects.toThrow('aborted');
  });
});

describe('an address that an administrator gives', () => {
  const rules = new AddressRules(['10.0.0.0/8']);
  const read = (text: string): string => {
    try {
      return readDestination(text, { rules, field: 'token_endpoint' }).href;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test.each([
    ['https://issuer.example/token', 'https://issuer.example/token'],
    ['https://ISSUER.example:443/token?a=b', 'https://issuer.example/token?a=b'],
    ['http://10.0.0.7/token', 'http://10.0.0.7/token'],
    ['https://8.8.8.8/', 'https://8.8.8.8/'],
    ['http://8.8.8.8/', 'destination.refused'],
    ['https://0x7f000001/', 'destination.refused'],
    ['https://[::ffff:a9fe:a9fe]/', 'destination.refused'],
    ['https://user:password@issuer.example/', 'destination.invalid'],
    ['https://issuer.example/#fragment', 'destination.invalid'],
    ['ftp://issuer.example/', 'destination.invalid'],
    ['file:///etc/passwd', 'destination.invalid'],
    ['issuer.example', 'destination.invalid'],
    ['', 'destination.invalid'],
  ])('%s is read as %s', (text, expected) => {
    expect(read(text)).toBe(expected);
  });
});
