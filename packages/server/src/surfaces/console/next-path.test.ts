import { expect, test } from 'vitest';
import { nextPath } from './next-path.ts';

test.each(['/', '/device', '/device?user_code=BCDF-GHJK', '/a/b?c=%2F%2Fd'])('%s is gone to', (path) => {
  expect(nextPath(path)).toBe(path);
});

test.each([
  undefined,
  '',
  'device',
  'https://elsewhere.example/',
  '//elsewhere.example/',
  '///elsewhere.example/',
  '/\\elsewhere.example/',
  '/\t/elsewhere.example/',
  '/\n/elsewhere.example/',
  'javascript:alert(1)',
  '\\\\elsewhere.example',
])('%j is not', (path) => {
  expect(nextPath(path)).toBe('/device');
});

test.each(['/.//elsewhere.example/', '/a/..//elsewhere.example/', '/%2e//elsewhere.example'])(
  '%j does not become another site on the way',
  (path) => {
    expect(nextPath(path)).toBe(`/elsewhere.example${path.endsWith('/') ? '/' : ''}`);
  },
);
