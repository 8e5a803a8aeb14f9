import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SseParser } from './sse-parser.ts';

const STREAM =
  ': hello\r\n\r\nid: 1\nevent: output\ndata: {"text":"a"}\n\nid: 2\rdata: first\rdata: second\r\rretry: 1500\nid: 3\n\ndata:no space\n\n';

const FRAMES = [
  { id: '1', event: 'output', data: '{"text":"a"}' },
  { id: '2', event: 'message', data: 'first\nsecond' },
  { id: '3', event: 'message', data: 'no space' },
];

test('frames are read with every line ending, comments left out', () => {
  expect(new SseParser().push(STREAM)).toEqual(FRAMES);
});

test('the same frames come out however the stream is cut into pieces', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: STREAM.length })), (cuts) => {
      const parser = new SseParser();
      const edges = [0, ...cuts.toSorted((a, b) => a - b), STREAM.length];
      const frames = edges.slice(1).flatMap((end, index) => parser.push(STREAM.slice(edges[index], end)));
      expect(frames).toEqual(FRAMES);
      expect(parser).toMatchObject({ lastId: '3', retryMs: 1500 });
    }),
  );
});

test('a frame that is cut off is not given, and its id does not count as seen', () => {
  const parser = new SseParser();
  expect(parser.push('id: 1\ndata: whole\n\nid: 2\ndata: half\n')).toEqual([
    { id: '1', event: 'message', data: 'whole' },
  ]);
  expect(parser.lastId).toBe('1');
});

test('an id without data moves the position without an event', () => {
  const parser = new SseParser();
  expect(parser.push('id: 7\n\n')).toEqual([]);
  expect(parser.lastId).toBe('7');
});

test('an event without an id of its own keeps the position of a resumed stream', () => {
  expect(new SseParser('5').push('data: x\n\n')).toEqual([{ id: '5', event: 'message', data: 'x' }]);
});

test('a frame without end is refused before it fills the memory', () => {
  const parser = new SseParser();
  const mebibyte = 'x'.repeat(1 << 20);
  parser.push('data: ');
  expect(() => {
    for (let pushed = 0; pushed <= 64; pushed++) parser.push(mebibyte);
  }).toThrow('64 MiB');
});
