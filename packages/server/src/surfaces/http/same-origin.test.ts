import { describe, expect, test } from 'vitest';
import { assertSameOrigin } from './same-origin.ts';

const HOST = 'assay.example:8443';

describe('a request with a session cookie', () => {
  test.each([
    ['says that it is from this site', { 'sec-fetch-site': 'same-origin' }],
    ['has this origin', { origin: `https://${HOST}` }],
    ['has this origin, the host in another case', { origin: `https://${HOST}`, host: HOST.toUpperCase() }],
    ['comes over a proxy that changed the host', { origin: 'https://public.example', host: 'inner:3001' }],
    ['says so whatever its origin', { 'sec-fetch-site': 'same-origin', origin: 'https://elsewhere.example' }],
  ])('is taken when it %s', (_, headers) => {
    expect(() => assertSameOrigin({ host: HOST, ...headers }, 'https://public.example')).not.toThrow();
  });

  test.each([
    ['says that it is from another site', { 'sec-fetch-site': 'cross-site' }],
    ['says that it is from a neighbouring host', { 'sec-fetch-site': 'same-site' }],
    ['was typed into the address bar', { 'sec-fetch-site': 'none' }],
    ['contradicts itself', { 'sec-fetch-site': 'cross-site', origin: `https://${HOST}` }],
    ['has another origin', { origin: 'https://elsewhere.example' }],
    ['has the same host on another port', { origin: 'https://assay.example' }],
    ['has an origin that begins alike', { origin: `https://${HOST}.elsewhere.example` }],
    ['has no origin to tell', { origin: 'null' }],
    ['has an origin that cannot be read', { origin: '//' }],
    ['says nothing', {}],
  ])('is refused when it %s', (_, headers) => {
    expect(() => assertSameOrigin({ host: HOST, ...headers }, null)).toThrow('another site');
  });
});
