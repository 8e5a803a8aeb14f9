import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { Evaluation, OutputChunk } from '../../modules/evaluations/index.ts';
import { logMessages } from './log-messages.ts';

const START = { stdout: 0, stderr: 0 };

async function* chunks(...given: OutputChunk[]): AsyncGenerator<OutputChunk> {
  yield* given;
}

const output = (text: string, stdout: number): OutputChunk => ({
  kind: 'output',
  stream: 'stdout',
  text,
  stdout,
  stderr: 0,
});

type Messages = ReturnType<typeof logMessages> extends AsyncGenerator<infer Message> ? Message[] : never;
const all = (given: OutputChunk[], from = START): Promise<Messages> =>
  Readable.from(logMessages(chunks(...given), from)).toArray();

async function told(given: OutputChunk[], from = START) {
  const messages = await all(given, from);
  return messages.map(({ position, message }) => ({
    at: Number(position?.stdout),
    text: message?.case === 'chunk' ? String(message.value.text) : '',
  }));
}

test('output in one large piece goes out in several, each with the position behind it', async () => {
  const text = 'é😀x'.repeat(200_000);
  const bytes = Buffer.byteLength(text);
  const pieces = await told([output(text, 10 + bytes)], { stdout: 10, stderr: 0 });
  expect(pieces.length).toBeGreaterThan(2);
  expect(pieces.map((piece) => piece.text).join('')).toBe(text);
  let at = 10;
  for (const piece of pieces) {
    at += Buffer.byteLength(piece.text);
    expect(piece.at).toBe(at);
    expect(piece.text.isWellFormed()).toBe(true);
  }
});

test('where text is less than its bytes were, the position moves on only behind the last piece', async () => {
  const text = '\uFFFD'.repeat(600_000);
  const pieces = await told([output(text, 600_000)]);
  expect(pieces.map(({ at }) => at)).toEqual([0, 0, 600_000]);
});

test('the end says how the evaluation ended, and leaves out what is not known', async () => {
  const evaluation = { state: 'failed', reason: 'signal', message: null, exitCode: null } as Evaluation;
  const end: OutputChunk = { kind: 'end', evaluation, stdout: 3, stderr: 4 };
  const [message] = await all([end]);
  expect(message).toEqual({
    position: { stdout: 3n, stderr: 4n },
    message: { case: 'end', value: { state: 4, reason: 'signal' } },
  });
});
