import { expect, test } from 'vitest';
import { demultiplex } from './multiplexed-stream.ts';

function frame(stream: number, text: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

async function split(whole: Buffer, size: number) {
  async function* pieces() {
    for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
  }
  const texts = ['', '', ''];
  for await (const { channel, bytes } of demultiplex(pieces())) texts[channel] += bytes.toString('latin1');
  return texts;
}

test.each([1, 3, 8, 9, 1000])('channels are told apart, arriving %d bytes at a time', async (size) => {
  const whole = Buffer.concat([frame(1, 'one '), frame(2, 'err'), frame(1, ''), frame(1, 'two')]);
  expect(await split(whole, size)).toEqual(['', 'one two', 'err']);
});

test('a frame that is cut short gives what there is of it', async () => {
  expect(await split(frame(1, 'complete').subarray(0, 12), 5)).toEqual(['', 'comp', '']);
});
