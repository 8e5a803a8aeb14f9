import type { ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import { type AppError, toAppError } from '../../kernel/errors.ts';
import { SECURITY_HEADERS } from './headers.ts';

const HEARTBEAT_MS = 15_000;
/** A consumer that leaves this much unread for longer than STALL_MS is cut; it resumes by id. */
const STALL_MS = 30_000;

const streams = new WeakSet<ServerResponse>();

/** Whether a response is a stream of events: one that ends only when somebody ends it. */
export const isEventStream = (response: ServerResponse): boolean => streams.has(response);

export type SseFrame = { id: string; event: string; data: unknown };

export type SendOptions = {
  headers: Record<string, string>;
  signal: AbortSignal;
  /** How a stream that is cut says why, by a last frame `event: error`; without it, the stream just ends. */
  cut?: { ended(): AppError | null; show(refusal: AppError): unknown };
};

/**
 * Sends frames as server-sent events (WHATWG HTML, section 9.2) until the source ends or the client goes. Waits when
 * the client does not read; a comment every 15 seconds keeps proxies from closing an idle stream.
 */
export async function sendEvents(
  reply: FastifyReply,
  frames: AsyncIterable<SseFrame>,
  options: SendOptions & {
    /** Where to resume if not even one frame arrives. */
    start?: string;
  },
): Promise<void> {
  await sendStream(reply, asText(frames, options.start), options);
}

async function* asText(frames: AsyncIterable<SseFrame>, start: string | undefined): AsyncGenerator<string> {
  if (start !== undefined) yield `id: ${start}\n\n`;
  for await (const frame of frames) yield textOf(frame);
}

/** A frame as it is sent. */
export const textOf = ({ id, event, data }: SseFrame): string =>
  `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

/** Sends a stream of events that are written already, with the same care. */
export async function sendStream(
  reply: FastifyReply,
  chunks: AsyncIterable<string | Buffer>,
  { headers, signal, cut }: SendOptions,
): Promise<void> {
  const { raw } = reply;
  let refusal: AppError | null = null;
  reply.hijack();
  streams.add(raw);
  raw.writeHead(200, {
    ...SECURITY_HEADERS,
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  raw.flushHeaders();
  let isFirst = true;
  const heartbeat = setInterval(() => raw.writableEnded || raw.write(': keep-alive\n\n'), HEARTBEAT_MS);
  try {
    for await (const chunk of chunks) {
      // Ended from outside: the server stops.
      if (signal.aborted || raw.writableEnded) break;
      const flowing = raw.write(chunk);
      if (!flowing && !(await drained(raw, signal))) break;
      // Node holds writes back until the turn ends: the first piece does not wait for those that came with it.
      if (isFirst) await nextTurn();
      isFirst = false;
    }
  } catch (thrown) {
    // The source refused to go on: a consumer too slow, the database away. The id resumes.
    refusal = toAppError(thrown);
  } finally {
    clearInterval(heartbeat);
    refusal = cut?.ended() ?? refusal;
    if (cut && refusal && !raw.writableEnded) raw.write(`event: error\ndata: ${JSON.stringify(cut.show(refusal))}\n\n`);
    raw.end();
  }
}

/** Waits until the client has read; false when it has gone or does not read. */
function drained(raw: FastifyReply['raw'], signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (flows: boolean) => (): void => {
      clearTimeout(timer);
      raw.off('drain', onDrain);
      signal.removeEventListener('abort', onGone);
      if (!flows) raw.destroy();
      resolve(flows);
    };
    const onDrain = done(true);
    const onGone = done(false);
    const timer = setTimeout(onGone, STALL_MS);
    raw.once('drain', onDrain);
    signal.addEventListener('abort', onGone, { once: true });
  });
}
