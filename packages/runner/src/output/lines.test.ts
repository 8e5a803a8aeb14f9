import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { onLine } from './lines.ts';

test('lines are told whole, however they arrive', async () => {
  const stream = new PassThrough();
  const told: string[] = [];
  onLine(stream, (line) => told.push(line));
  for (const piece of ['one\ntw', 'o', '\n\nthree\nfo']) stream.write(piece);
  stream.end('ur');
  await expect.poll(() => told).toEqual(['one', 'two', '', 'three']);
});
