import { describe, expect, test } from 'vitest';
import type { Json } from '../../kernel/json.ts';
import { NO_POLICY, type Pattern } from './model.ts';
import { redact, redactorOf, redactorsOf } from './redaction.ts';

const cleaned = (value: Json, patterns: readonly Pattern[] = []) =>
  redact(value, redactorsOf({ ...NO_POLICY, patterns }), () => null);
const textOf = async (text: string, patterns: readonly Pattern[] = []): Promise<unknown> =>
  (await cleaned(text, patterns)).value;
/** Spelled in two halves, so that nobody takes the test for a leak. */
const key = (...halves: string[]): string => halves.join('');

describe('the built-in redactors', () => {
  test.each([
    ['Write to ann.o-hara+x@mail.example.co.uk, please.', 'Write to [redacted: email], please.'],
    ['„größe@müller.example“', '„[redacted: email]“'],
    ['no address: a@b, @home, me@', 'no address: a@b, @home, me@'],
  ])('take e-mail addresses out of %j', async (text, expected) => {
    expect(await textOf(text)).toBe(expected);
  });

  test.each([
    key('sk-', 'ant-api03-abcdefghijklmnop'),
    key('sk_', 'live_abcdefghijklmnop'),
    key('gh', 'p_abcdefghijklmnopqrst'),
    key('AKIA', 'ABCDEFGHIJKLMNOP'),
    key('AIza', 'abcdefghijklmnopqrstuvwxyz012345678'),
    key('xox', 'b-1234567890-abcdef'),
    key('eyJ', 'hbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl'),
    key('-----BEGIN RSA ', 'PRIVATE KEY-----\nMIIEow\nIBAAK=\n-----END RSA PRIVATE KEY-----'),
  ])('take keys out that look like %j', async (secret) => {
    expect(await textOf(`It is ${secret}, isn't it?`)).toBe("It is [redacted: api_key], isn't it?");
  });

  test.each([
    ['4111111111111111', true],
    ['4111 1111 1111 1111', true],
    ['3782-822463-10005', true],
    ['4111 1111 1111 1112', false],
    ['0000 0000 0000 0000', false],
    ['12345678901234567890', false],
  ])('tell by its check digit whether %j is a card', async (number, isCard) => {
    expect(await textOf(`Pay with ${number}!`)).toBe(`Pay with ${isCard ? '[redacted: card_number]' : number}!`);
  });

  test('look into every text, however deep, and count what they find', async () => {
    const value = { a: ['x@example.com', { b: 'y@example.com and z@example.com', c: 1, d: null }] };
    expect(await cleaned(value)).toEqual({
      value: { a: ['[redacted: email]', { b: '[redacted: email] and [redacted: email]', c: 1, d: null }] },
      found: 3,
      isCut: false,
    });
  });

  test('take time that grows with the text alone', async () => {
    const hostile = [
      'a'.repeat(200_000),
      'a.'.repeat(100_000),
      '1 '.repeat(100_000),
      'sk-'.repeat(60_000),
      '@'.repeat(200_000),
    ];
    const started = performance.now();
    for (const text of hostile) await cleaned(text);
    // Milliseconds each on any machine; a backtracking one would not end.
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe("an organization's pattern", () => {
  test('finds what it says, wherever it is in a long text', async () => {
    const pattern = { name: 'ticket', pattern: 'PROJ-[0-9]+' };
    const filler = 'x'.repeat(16_380);
    const text = `PROJ-1 ${filler}PROJ-123456 ${filler}${filler}PROJ-2`;
    expect(await textOf(text, [pattern])).toBe(
      `[redacted: ticket] ${filler}[redacted: ticket] ${filler}${filler}[redacted: ticket]`,
    );
  });

  test('cannot be made to run away', async () => {
    const started = performance.now();
    const patterns = [
      { name: 'evil', pattern: '(a+)+$' },
      { name: 'twin', pattern: '(x+x+)+y' },
    ];
    await textOf(`${'a'.repeat(100_000)}!${'x'.repeat(100_000)}`, patterns);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test.each(['(?=look-ahead)', '(a)\\1', '(open', 'a*', '', '(.{1,200}x){1,5}'])(
    'is refused when it is %j',
    (pattern) => {
      expect(() => redactorOf({ name: 'bad', pattern })).toThrow(
        expect.objectContaining({ code: 'capture.pattern_invalid' }),
      );
    },
  );
});

describe('a text that is too long', () => {
  test('is cut, and nothing shows of what the cut went through', async () => {
    const secret = key('sk-', 'ant-api03-', 'q'.repeat(40));
    for (const at of [262_140, 262_144 - secret.length, 270_300, 270_336 - 20]) {
      const { value, isCut } = await cleaned(`${'x '.repeat(at / 2)}${secret}${' y'.repeat(20_000)}`);
      expect(isCut).toBe(true);
      expect(String(value).length).toBeLessThan(263_000);
      expect(value).not.toContain('qqqq');
      expect(value).toMatch(/ … \[cut\]$/);
    }
  });
});
