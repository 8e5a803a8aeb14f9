import { type EvaluationServiceStreamLogsResponseSchema, LogStream } from '@assay/contract/grpc';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { OutputChunk } from '../../modules/evaluations/index.ts';
import { encodeState } from './evaluation-codec.ts';
import { present } from './present.ts';

type Message = MessageInitShape<typeof EvaluationServiceStreamLogsResponseSchema>;
type Position = { stdout: number; stderr: number };

/** Longest text of one message, in UTF-16 units: at most three bytes each, so well within a message. */
const MAX_TEXT_LENGTH = 256 * 1024;

/** Output as messages: chunks, then the end. Output that comes in one large piece goes out in several. */
export async function* logMessages(chunks: AsyncIterable<OutputChunk>, from: Position): AsyncGenerator<Message> {
  let at: Position = from;
  for await (const chunk of chunks) {
    const position = { stdout: chunk.stdout, stderr: chunk.stderr };
    if (chunk.kind === 'output') yield* pieces(chunk, at);
    else {
      const { state, reason, message, exitCode } = chunk.evaluation;
      const end = { state: encodeState(state), ...present({ reason, message, exitCode }) };
      yield { position: encodePosition(position), message: { case: 'end', value: end } };
    }
    at = position;
  }
}

/**
 * A chunk cut into messages. Between them the position moves on only where bytes can be counted from the text: where
 * the text stands for bytes that are not UTF-8, one who resumes in the middle sees the pieces of this chunk again.
 */
function* pieces(chunk: OutputChunk & { kind: 'output' }, before: Position): Generator<Message> {
  const { stream, text, stdout, stderr } = chunk;
  const isExact = Buffer.byteLength(text) === chunk[stream] - before[stream];
  const at = { ...before };
  for (let start = 0; start < text.length; ) {
    const end = cutBefore(text, start + MAX_TEXT_LENGTH);
    const piece = text.slice(start, end);
    if (isExact) at[stream] += Buffer.byteLength(piece);
    const position = end >= text.length ? { stdout, stderr } : at;
    const from = stream === 'stdout' ? LogStream.STDOUT : LogStream.STDERR;
    yield { position: encodePosition(position), message: { case: 'chunk', value: { stream: from, text: piece } } };
    start = end;
  }
}

/** Where to cut a text at the latest, so that no character is cut in two. */
function cutBefore(text: string, end: number): number {
  const code = text.charCodeAt(end - 1);
  const isHighHalf = end < text.length && code >= 0xd800 && code <= 0xdbff;
  return isHighHalf ? end - 1 : end;
}

const encodePosition = ({ stdout, stderr }: Position): { stdout: bigint; stderr: bigint } => ({
  stdout: BigInt(stdout),
  stderr: BigInt(stderr),
});
