import { describe, expect, test } from 'vitest';
import type { Json } from '../../kernel/json.ts';
import { fitted } from './size.ts';

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

describe('content', () => {
  test('that fits stays as it is', () => {
    const value = { request: { messages: [{ text: 'x'.repeat(500_000) }] } };
    expect(fitted(value)).toEqual({ value, sizeBytes: bytesOf(value), isTruncated: false });
  });

  test('that is too large keeps the beginnings of its texts', () => {
    const messages = Array.from({ length: 100 }, (_, n) => ({ text: `${n} ${'x'.repeat(100_000)}` }));
    const { value, sizeBytes, isTruncated } = fitted({ request: { messages } });
    expect([isTruncated, sizeBytes <= 1 << 20, sizeBytes]).toEqual([true, true, bytesOf(value)]);
    const cut = (value as { request: { messages: { text: string }[] } }).request.messages;
    expect(cut).toHaveLength(100);
    expect(cut[99]?.text).toMatch(/^99 x+ … \[cut: \d+ characters\]$/);
  });

  test('of very many messages keeps the first and the last of them', () => {
    const messages = Array.from({ length: 50_000 }, (_, n) => ({ text: `${n} ${'x'.repeat(300)}` }));
    const { value, sizeBytes } = fitted({ request: { messages } });
    expect(sizeBytes).toBeLessThanOrEqual(1 << 20);
    const cut = (value as { request: { messages: { text?: string; cut?: string }[] } }).request.messages;
    expect([cut[0]?.text?.slice(0, 3), cut.at(-1)?.text?.slice(0, 6)]).toEqual(['0 x', '49999 ']);
    expect(cut.find((message) => message.cut !== undefined)?.cut).toMatch(/^\d+ items$/);
  });

  test('of very many names keeps the first of them', () => {
    const { value, sizeBytes } = fitted(Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`key ${n}`, 1])));
    expect(sizeBytes).toBeLessThanOrEqual(1 << 20);
    expect(value).toMatchObject({ 'key 0': 1, 'key 999': 1, cut: '99000 entries' });
  });

  test('that is too large however it is cut is told of and not kept', () => {
    const wide = (depth: number): Json =>
      Array.from({ length: 12 }, () => (depth === 0 ? 'x'.repeat(20) : wide(depth - 1)));
    const value = wide(4);
    expect(fitted(value)).toMatchObject({ value: { cut: `${bytesOf(value)} bytes` }, isTruncated: true });
  });
});
