import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { LargeBodies } from './large-bodies.ts';

const MIB = 1 << 20;
const MOST = 32 * MIB;

const asking = (length: number | null): IncomingMessage =>
  ({ headers: length === null ? {} : { 'content-length': String(length) } }) as IncomingMessage;

function admitted(bodies: LargeBodies, length: number | null): EventEmitter {
  const response = new EventEmitter();
  bodies.admit(asking(length), response as ServerResponse, MOST);
  return response;
}

test('large bodies are admitted until they are too much together, and again when one is done', () => {
  const bodies = new LargeBodies();
  const [first] = [32, 32, 32, 30].map((size) => admitted(bodies, size * MIB));
  admitted(bodies, 2 * MIB);
  for (const length of [3 * MIB, null])
    expect(() => admitted(bodies, length)).toThrow(
      expect.objectContaining({ kind: 'unavailable', retryAfterMs: 1_000 }),
    );
  first?.emit('close');
  admitted(bodies, null);
  expect(() => admitted(bodies, 3 * MIB)).toThrow(/Too many large bodies/);
});

test('one that is longer than its route takes is left to be refused for that', () => {
  const bodies = new LargeBodies();
  for (let each = 0; each < 10; each++) admitted(bodies, MOST + 1);
});
