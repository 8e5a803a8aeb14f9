/**
 * A provider in a process of its own that speaks OpenAI's wire format and thinks no longer than it is told. The model's name
 * says how it answers: `wait-20ms` begins after 20 ms; `pace-50ms` streams a token every 50 ms; `flood` streams pieces of
 * some KiB as quickly as they are read. It keeps its own count of what it made for each user.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { serveParent } from '../product/child-program.ts';
import { type Asked, chunksOf, WHOLE_TOKENS, wholeAnswer } from './wire-format.ts';

export type MockReady = { url: string };
/** Asked with anything: the tokens that were made for each user since the last time. */
export type MockCounts = Record<string, number>;

let counts: MockCounts = {};

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => void answer(JSON.parse(Buffer.concat(parts).toString('utf8')) as Asked, response));
});
server.keepAliveTimeout = 60_000;

async function answer(asked: Asked, response: ServerResponse): Promise<void> {
  const [, how = '', ms = '0'] = /^(\w+)(?:-(\d+)ms)?$/.exec(asked.model) ?? [];
  if (how === 'wait' && ms !== '0') await delay(Number(ms));
  if (asked.stream !== true) {
    const body = wholeAnswer(asked);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
    count(asked, WHOLE_TOKENS);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  await (how === 'pace' ? paced(asked, response, Number(ms)) : unpaced(asked, response));
}

/** One token after the other at a fixed pace, whatever the pieces before took. */
function paced(asked: Asked, response: ServerResponse, paceMs: number): Promise<void> {
  const chunks = chunksOf(asked);
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const { value, done } = chunks.next();
      if (!done && !response.destroyed) {
        response.write(value.bytes);
        count(asked, value.tokens);
        return;
      }
      clearInterval(timer);
      response.end();
      resolve();
    }, paceMs);
  });
}

/** As quickly as it is read, and no quicker: what is made here lies nowhere else. */
async function unpaced(asked: Asked, response: ServerResponse): Promise<void> {
  for (const { bytes, tokens } of chunksOf(asked)) {
    if (response.destroyed) return;
    const flows = response.write(bytes);
    count(asked, tokens);
    if (!flows) await drained(response);
  }
  response.end();
}

const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });

function count({ user }: Asked, tokens: number): void {
  if (user !== undefined) counts[user] = (counts[user] ?? 0) + tokens;
}

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  serveParent({ url: `http://127.0.0.1:${port}/v1` } satisfies MockReady, async () => {
    const told = counts;
    counts = {};
    return told;
  });
});
