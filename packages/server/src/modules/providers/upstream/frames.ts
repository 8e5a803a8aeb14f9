import type { UpstreamFailure } from '../model.ts';
import { UpstreamError } from './upstream-error.ts';

/** One event of a stream: its bytes as they came, its name if it has one, and its data. */
export type Frame = { raw: Buffer; event: string | null; data: string };

/** A picture in an event is some megabytes; past this a provider sends something that is no answer. */
const MOST_FRAME_BYTES = 16 << 20;

const NEWLINE = 0x0a;
const RETURN = 0x0d;

const tooLarge = (): UpstreamError =>
  new UpstreamError({
    reason: 'interrupted',
    status: 200,
    message: `The provider sent an event of more than ${MOST_FRAME_BYTES >> 20} MiB.`,
    retryAfterMs: null,
  } satisfies UpstreamFailure);

/**
 * Cuts a stream of bytes where `end` finds an end, keeping what a chunk leaves over for the next one.
 * @throws UpstreamError when a piece grows past its bound
 */
async function* pieces(
  chunks: AsyncIterable<Buffer>,
  end: (bytes: Buffer, from: number) => number,
): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    // Looked through once only: an end may begin in what was left over, three bytes back at most.
    let from = Math.max(0, rest.length - 3);
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let at = end(bytes, from); at >= 0; at = end(bytes, from)) {
      yield bytes.subarray(start, at);
      start = at;
      from = at;
    }
    rest = bytes.subarray(start);
    if (rest.length > MOST_FRAME_BYTES) throw tooLarge();
  }
  if (rest.length > 0) yield rest;
}

/** Where the blank line behind an event ends; -1 when there is none yet. */
function endOfEvent(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(NEWLINE, from); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) {
    const before = bytes[at - 1] === RETURN ? at - 2 : at - 1;
    if (before >= 0 && bytes[before] === NEWLINE) return at + 1;
  }
  return -1;
}

const endOfLine = (bytes: Buffer, from: number): number => bytes.indexOf(NEWLINE, from) + 1 || -1;

/** Reads server-sent events (WHATWG HTML, section 9.2). Comments and events without data are left out. */
export async function* sseFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  for await (const raw of pieces(chunks, endOfEvent)) {
    const frame = readEvent(raw);
    if (frame) yield frame;
  }
}

function readEvent(raw: Buffer): Frame | null {
  let event: string | null = null;
  let data: string | null = null;
  for (const line of raw.toString('utf8').split(/\r?\n/)) {
    if (line.startsWith('data:')) {
      const value = line.charCodeAt(5) === 0x20 ? line.slice(6) : line.slice(5);
      data = data === null ? value : `${data}\n${value}`;
    } else if (line.startsWith('event:')) event = line.slice(6).trim();
  }
  return data === null ? null : { raw, event, data };
}

/** Reads lines of JSON (Ollama's streams). */
export async function* lineFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  for await (const raw of pieces(chunks, endOfLine)) {
    const data = raw.toString('utf8').trim();
    if (data !== '') yield { raw, event: null, data };
  }
}
