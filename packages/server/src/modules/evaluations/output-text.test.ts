import fc from 'fast-check';
import { expect, test } from 'vitest';
import { outputText, PieceDecoder } from './output-text.ts';

test('text in pieces is the text, wherever it was cut', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.array(fc.nat(40)), (text, cuts) => {
      const shown = text.toWellFormed().replaceAll('\0', '\uFFFD');
      const bytes = Buffer.from(text.toWellFormed(), 'utf8');
      const decoder = new PieceDecoder();
      let at = 0;
      let joined = '';
      for (const size of [...cuts, bytes.length]) {
        joined += decoder.decode(bytes.subarray(at, at + size));
        at = Math.min(bytes.length, at + size);
      }
      expect(joined).toBe(shown);
    }),
  );
});

test('what fits and is text is kept as it is', () => {
  expect(outputText(Buffer.from('grüße\n'), 100)).toEqual({ text: 'grüße\n', isCut: false, isLossy: false });
});

test('bytes that are not UTF-8, and NUL, are shown as the replacement character and called lossy', () => {
  expect(outputText(Buffer.of(0x61, 0xff, 0x62), 100)).toEqual({ text: 'a\uFFFDb', isCut: false, isLossy: true });
  expect(outputText(Buffer.from('a\0b'), 100)).toEqual({ text: 'a\uFFFDb', isCut: false, isLossy: true });
});

test('a cut never shows half a character', () => {
  expect(outputText(Buffer.from('aaé'), 3)).toEqual({ text: 'aa', isCut: true, isLossy: false });
});
