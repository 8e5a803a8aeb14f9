import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { dnsServer } from '../../../../test/fakes/dns-server.ts';
import { AddressRules, HttpClient } from '../../../platform/http-client/index.ts';
import { ProviderClient } from './provider-client.ts';

const seen: string[] = [];
const inner = createServer((request, response) => {
  seen.push(String(request.headers.authorization));
  response.end('{}');
});
inner.listen(0, '127.0.0.1');
await once(inner, 'listening');
const { port } = inner.address() as AddressInfo;
afterAll(() => void inner.close());

/** Asks a provider at an address; gives why it could not be asked. */
async function refusalAt(url: string, http: HttpClient): Promise<string> {
  const client = new ProviderClient({ dispatcher: http.dispatcher, silenceMs: 2_000 });
  const request = { url: new URL(url), headers: { authorization: 'Bearer key' }, body: '{}' };
  const answer = client.send(request, new AbortController().signal, 5_000);
  return answer.then(
    () => 'asked',
    (error: { failure?: { reason: string } }) => error.failure?.reason ?? String(error),
  );
}

describe('a provider at an address that may not be called', () => {
  test.each([
    ['loopback', '127.0.0.1'],
    ['loopback as a number', '2130706433'],
    ['loopback in octal', '0177.0.0.1'],
    ['a mapped address', '[::ffff:127.0.0.1]'],
    ['loopback of version 6', '[::1]'],
    ['the name of the machine', 'localhost'],
    ['the metadata service', '169.254.169.254'],
    ['a private network', '10.0.0.1'],
  ])('is not asked: %s', async (_name, host) => {
    await using http = new HttpClient({ rules: new AddressRules() });
    for (const scheme of ['http', 'https'])
      expect(await refusalAt(`${scheme}://${host}:${port}/v1`, http)).toBe('address_refused');
    expect(seen).toEqual([]);
  });

  test('is not asked where its name turns to the inside between two calls', async () => {
    await using dns = await dnsServer([['127.0.0.1'], ['10.0.0.1']]);
    const rules = new AddressRules(['loopback']);
    const url = `http://rebinding.example:${port}/v1`;
    await using first = new HttpClient({ rules, resolve: dns.resolve });
    expect(await refusalAt(url, first)).toBe('asked');
    await using second = new HttpClient({ rules, resolve: dns.resolve });
    expect(await refusalAt(url, second)).toBe('address_refused');
    expect(seen).toEqual(['Bearer key']);
  });
});
