import { describe, expect, test } from 'vitest';
import { faultOfName, isAllowedType, isMediaType } from './model.ts';

describe('a name', () => {
  test.each(['report.pdf', 'über größe.txt', '..txt', 'a b', "it's (1)*.md", '写.csv', 'x'.repeat(255)])(
    'may be %j',
    (name) => {
      expect(faultOfName(name)).toBeNull();
    },
  );

  test.each([
    ['', 'blank'],
    ['  ', 'blank'],
    ['ü'.repeat(128), 'longer'],
    ['../../etc/passwd', 'path'],
    ['a/b', 'path'],
    ['C:\\a.txt', 'path'],
    ['.', 'path'],
    ['..', 'path'],
    ['a\0b', 'control'],
    ['a\r\nSet-Cookie: b', 'control'],
    ['a\u2028b', 'control'],
    ['photo\u202egpj.exe', 'control'],
    ['half \ud800', 'control'],
  ])('may not be %j', (name, why) => {
    expect(faultOfName(name)).toContain(why);
  });
});

describe('a media type', () => {
  test.each(['text/plain', 'application/vnd.api+json', 'text/html; charset=utf-8', 'a/b;c="d e"'])(
    'may be %j',
    (text) => {
      expect(isMediaType(text)).toBe(true);
    },
  );

  test.each([
    '',
    'text',
    'text/',
    '/plain',
    'text/plain;',
    'te xt/plain',
    'text/plain\r\nx: y',
    'a/b; c',
    `a/${'b'.repeat(300)}`,
  ])('may not be %j', (text) => {
    expect(isMediaType(text)).toBe(false);
  });

  test('is allowed by itself, by its family, or where none is named', () => {
    expect(isAllowedType('Text/Plain; charset=x', ['text/plain'])).toBe(true);
    expect(isAllowedType('image/png', ['text/plain', 'image/*'])).toBe(true);
    expect(isAllowedType('text/html', ['text/plain', 'image/*'])).toBe(false);
    expect(isAllowedType('anything/else', [])).toBe(true);
  });
});
