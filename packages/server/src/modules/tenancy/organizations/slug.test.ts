import { expect, test } from 'vitest';
import { freeSlug } from './slug.ts';

const ID = '0b5dc0de-0000-4000-8000-000000000000';

test.each([
  ['Acme', 'acme-0b5dc0de'],
  ['  Größe & Söhne  ', 'gro-e-so-hne-0b5dc0de'],
  ['日本語', 'org-0b5dc0de'],
  ['--', 'org-0b5dc0de'],
  ['x'.repeat(100), `${'x'.repeat(40)}-0b5dc0de`],
])('the slug of %j is %s', (name, slug) => {
  expect(freeSlug(name, ID)).toBe(slug);
});

test('a slug is what the API takes as one', () => {
  for (const name of ['Acme', 'Ünïcödé', '日本語', `${'a'.repeat(39)} b`]) {
    expect(freeSlug(name, ID)).toMatch(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/);
  }
});
