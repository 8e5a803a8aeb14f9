import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Reply, WireServer } from '../test/wire-server.ts';
import { Assay } from './assay.ts';
import type { EventStream } from './event-stream.ts';

beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0));
afterEach(() => void vi.restoreAllMocks());

/** Log frames of a program that wrote `pieces`, the ids counting bytes as the server's do. */
function logFrames(pieces: readonly string[]): { id: string; frame: string }[] {
  let bytes = 0;
  const frames = pieces.map((text) => {
    bytes += Buffer.byteLength(text);
    const data = JSON.stringify({ eval_id: 'eval_1', stream: 'stdout', text });
    return { id: `${bytes}.0`, frame: `id: ${bytes}.0\nevent: output\ndata: ${data}\n\n` };
  });
  const end = JSON.stringify({ eval_id: 'eval_1', status: 'completed', exit_code: 0, reason: null, message: null });
  return [...frames, { id: `${bytes}.0`, frame: `id: ${bytes}.0\nevent: end\ndata: ${end}\n\n` }];
}

const stream = (write: (response: ServerResponse) => void): Reply => {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    write(response);
  };
};

async function textsOf(events: EventStream<{ type: string; text?: string }>): Promise<string[]> {
  const texts: string[] = [];
  for await (const event of events) texts.push(event.type === 'end' ? '(end)' : (event.text ?? ''));
  return texts;
}

const PIECES = ['one ', 'zwei ünd ', '三\n'];
const FRAMES = logFrames(PIECES);
const WHOLE = Buffer.from(FRAMES.map(({ frame }) => frame).join(''));

/** The rest of the stream after the frame whose id the client names. */
function after(id: string | undefined): string {
  const seen = FRAMES.findIndex((frame) => frame.id === id);
  return FRAMES.slice(seen + 1)
    .map(({ frame }) => frame)
    .join('');
}

// One connection after the other, some hundred of them.
test('a stream that is cut at any byte is resumed, and nothing is lost or repeated', { timeout: 60_000 }, async () => {
  for (let at = 0; at < WHOLE.length; at += 3) {
    await using server = await WireServer.start(({ headers }, count) =>
      stream((response) => {
        if (count > 1) return void response.end(after(headers['last-event-id'] as string | undefined));
        response.write(WHOLE.subarray(0, at), () => response.destroy());
      }),
    );
    const logs = new Assay({ baseUrl: server.url }).evaluations.followLogs('eval_1');
    expect(await textsOf(logs)).toEqual([...PIECES, '(end)']);
    expect(server.received.length).toBeGreaterThan(1);
  }
});

test('a stream that the server ends early, as at a restart, goes on, and says so once', async () => {
  await using server = await WireServer.start(({ headers }, count) => {
    if (count === 2) return { status: 503, json: { error: 'Service unavailable' }, headers: { 'retry-after': '0' } };
    return stream((response) =>
      response.end(count === 1 ? FRAMES[0]?.frame : after(headers['last-event-id'] as string)),
    );
  });
  const reconnects: string[] = [];
  const logs = new Assay({ baseUrl: server.url }).evaluations.followLogs('eval_1', {
    onReconnect: (id) => reconnects.push(id),
  });
  expect(await textsOf(logs)).toEqual([...PIECES, '(end)']);
  expect(reconnects).toEqual(['4.0']);
});

test('characters that the network cuts in two arrive whole', async () => {
  await using server = await WireServer.start(() =>
    stream((response) => {
      const writeFrom = (at: number): void => {
        if (at >= WHOLE.length) return void response.end();
        response.write(WHOLE.subarray(at, at + 1), () => setImmediate(writeFrom, at + 1));
      };
      writeFrom(0);
    }),
  );
  const logs = new Assay({ baseUrl: server.url }).evaluations.followLogs('eval_1');
  expect(await textsOf(logs)).toEqual([...PIECES, '(end)']);
});

test('a stream can be taken up where an earlier program left it', async () => {
  await using server = await WireServer.start(({ headers }) =>
    stream((response) => response.end(after(headers['last-event-id'] as string))),
  );
  const logs = new Assay({ baseUrl: server.url }).evaluations.followLogs('eval_1', { lastEventId: '4.0' });
  expect(await textsOf(logs)).toEqual([...PIECES.slice(1), '(end)']);
  expect(logs.lastEventId).toBe(FRAMES.at(-1)?.id);
});

test('a server that falls silent counts as gone', async () => {
  await using server = await WireServer.start((_received, count) =>
    stream((response) => void (count === 1 ? response.write(': hello\n\n') : response.end(WHOLE))),
  );
  const logs = new Assay({ baseUrl: server.url }).evaluations.followLogs('eval_1', { silence: 30 });
  expect(await textsOf(logs)).toEqual([...PIECES, '(end)']);
  expect(server.received.length).toBeGreaterThan(1);
});

test('a refusal is final: a revoked key is not tried again', async () => {
  await using server = await WireServer.start((_received, count) =>
    count === 1
      ? stream((response) => response.end(FRAMES[0]?.frame))
      : { status: 401, json: { error: 'Unauthorized' } },
  );
  const logs = new Assay({ baseUrl: server.url }).evaluations.followLogs('eval_1');
  await expect(textsOf(logs)).rejects.toMatchObject({ name: 'AuthenticationError' });
  expect(server.received).toHaveLength(2);
});

test('a server that stays away is given up on after the patience', async () => {
  await using server = await WireServer.start(() => stream((response) => response.end()));
  const logs = new Assay({ baseUrl: server.url }).evaluations.followLogs('eval_1', { patience: 50 });
  await expect(textsOf(logs)).rejects.toMatchObject({ name: 'ConnectionError' });
  expect(server.received.length).toBeGreaterThan(1);
});

test('leaving the loop closes the connection', async () => {
  const closed = Promise.withResolvers<void>();
  await using server = await WireServer.start(() =>
    stream((response) => {
      response.on('close', closed.resolve);
      response.write(FRAMES[0]?.frame);
    }),
  );
  for await (const event of new Assay({ baseUrl: server.url }).evaluations.followLogs('eval_1')) {
    expect(event).toMatchObject({ type: 'output', stream: 'stdout', text: 'one ' });
    break;
  }
  await closed.promise;
});

test('an aborted stream rejects with the signal’s reason', async () => {
  const controller = new AbortController();
  await using server = await WireServer.start(() => stream((response) => void response.write(FRAMES[0]?.frame)));
  const logs = new Assay({ baseUrl: server.url }).evaluations.followLogs('eval_1', { signal: controller.signal });
  const reading = (async () => {
    for await (const _event of logs) controller.abort(new Error('enough'));
  })();
  await expect(reading).rejects.toThrow('enough');
});

test('the organization’s events are filtered by the server and resumed after the last one', async () => {
  const event = (id: string) =>
    `id: ${id}\nevent: evaluation.queued\ndata: ${JSON.stringify({ id, type: 'evaluation.queued', subject: 'eval_1' })}\n\n`;
  await using server = await WireServer.start((_received, count) =>
    stream((response) => response.end(event(`9-${count}`))),
  );
  const events = new Assay({ baseUrl: server.url }).events.stream({ types: ['evaluation.*'], subjects: ['a', 'b'] });
  const ids: string[] = [];
  for await (const { id } of events) if (ids.push(id) === 2) break;
  expect(ids).toEqual(['9-1', '9-2']);
  expect(server.received.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '9-1']);
  expect(server.last.url).toBe('/v1/events/stream?types=evaluation.*&subjects=a%2Cb');
});
