import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { open, seal } from './sealed.ts';
import { transitKey } from './transit.ts';

const running: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one[Symbol.asyncDispose]();
});

type Asked = { path: string; token: string; body: Record<string, string> };

/**
 * Speaks the wire of the transit engine: `POST /v1/transit/encrypt/:name` and `/decrypt/:name`, base64 in, `vault:v1:…`
 * out, errors as `{"errors": […]}`, a token in `X-Vault-Token`.
 */
async function engine(token: string): Promise<{ url: string; asked: Asked[] }> {
  const key = randomBytes(32);
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const body = JSON.parse(text) as Record<string, string>;
    const given = String(request.headers['x-vault-token']);
    asked.push({ path: request.url ?? '', token: given, body });
    const answer = (status: number, content: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content));
    };
    if (given !== token) return answer(403, { errors: ['permission denied'] });
    const context = Buffer.from(body['associated_data'] ?? '', 'base64').toString();
    if (request.url === '/v1/transit/encrypt/assay') {
      const sealed = seal(key, Buffer.from(body['plaintext'] ?? '', 'base64'), context);
      return answer(200, { data: { ciphertext: `vault:v1:${sealed.toString('base64')}`, key_version: 1 } });
    }
    if (request.url !== '/v1/transit/decrypt/assay') return answer(404, { errors: [] });
    try {
      const sealed = Buffer.from(String(body['ciphertext']).replace('vault:v1:', ''), 'base64');
      return answer(200, { data: { plaintext: open(key, sealed, context).toString('base64') } });
    } catch {
      return answer(400, { errors: ['cipher: message authentication failed'] });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  running.push({
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/transit/keys/assay`, asked };
}

const plain = Buffer.from('a root key');

describe('a key of a transit engine', () => {
  test('wraps and unwraps, bound to its context, and never comes here', async () => {
    const { url, asked } = await engine('s.token');
    const key = transitKey({ url, token: async () => 's.token' });
    const wrapped = await key.wrap(plain, 'root 1');
    expect(wrapped.toString()).toMatch(/^vault:v1:/);
    expect(await key.unwrap(wrapped, 'root 1')).toEqual(plain);
    await expect(key.unwrap(wrapped, 'root 2')).rejects.toThrow(/answered decrypt with status 400/);
    expect(asked[0]).toMatchObject({
      path: '/v1/transit/encrypt/assay',
      body: { plaintext: plain.toString('base64'), associated_data: Buffer.from('root 1').toString('base64') },
    });
  });

  test('is asked with the token that is valid now, and a refusal tells nothing of it', async () => {
    const { url, asked } = await engine('s.second');
    let token = 's.first';
    const key = transitKey({ url, token: async () => token });
    const refused = await key.wrap(plain, 'root').catch((error: Error) => error.message);
    expect(refused).toMatch(/answered encrypt with status 403/);
    expect(refused).not.toContain('s.first');
    token = 's.second';
    await key.wrap(plain, 'root');
    expect(asked.map((one) => one.token)).toEqual(['s.first', 's.second']);
  });

  test('is named by where it is, the same in every process', () => {
    const at = (url: string): string => transitKey({ url, token: async () => '' }).id;
    expect(at('https://vault.example:8200/v1/transit/keys/assay')).toBe('transit:vault.example:8200/v1/transit/assay');
    expect(at('https://vault.example/v1/team/a/keys/b')).toBe('transit:vault.example/v1/team/a/b');
  });

  test.each([
    'https://vault.example',
    'https://vault.example/v1/transit/encrypt/assay',
    'https://vault.example/transit/keys/a',
  ])('%s is not the address of one', (url) =>
    expect(() => transitKey({ url, token: async () => '' })).toThrow(/is not the address of a transit key/),
  );

  test('that nobody serves is said so within the time of a start', async () => {
    const key = transitKey({ url: 'http://127.0.0.1:1/v1/transit/keys/assay', token: async () => 't' });
    await expect(key.wrap(plain, 'root')).rejects.toThrow();
  });
});
