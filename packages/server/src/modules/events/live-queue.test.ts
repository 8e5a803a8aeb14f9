import { expect, test } from 'vitest';
import { LiveQueue } from './live-queue.ts';

const delivered = (id: number) => ({
  event: { orgId: 'o', position: `1-${id}`, occurredAt: new Date(0), type: 't', subject: 's', data: {} },
  position: { xid: 1n, id: BigInt(id) },
});
const idsOf = ({ value }: IteratorResult<readonly { position: { id: bigint } }[]>): bigint[] =>
  (value ?? []).map(({ position }: { position: { id: bigint } }) => position.id);

test('what was delivered together is taken together', async () => {
  const queue = new LiveQueue();
  const stream = queue.drain(new AbortController().signal);
  for (const id of [1, 2, 3]) queue.push(delivered(id));
  expect(idsOf(await stream.next())).toEqual([1n, 2n, 3n]);
});

test('a tick gives an empty batch where nothing was delivered, and nothing besides events', async () => {
  const queue = new LiveQueue();
  const stream = queue.drain(new AbortController().signal);
  queue.tick();
  expect(idsOf(await stream.next())).toEqual([]);
  queue.tick();
  queue.push(delivered(1));
  expect(idsOf(await stream.next())).toEqual([1n]);
  queue.push(delivered(2));
  expect(idsOf(await stream.next())).toEqual([2n]);
});

test('one that overflowed gives what it holds, tells no place behind what it left out, and ends with a refusal', async () => {
  const queue = new LiveQueue();
  const stream = queue.drain(new AbortController().signal);
  for (let id = 0; id < 5_001; id++) queue.push(delivered(id));
  queue.tick();
  expect((await stream.next()).value).toHaveLength(5_000);
  queue.tick();
  await expect(stream.next()).rejects.toMatchObject({ code: 'event.slow_consumer' });
});

test('one whose caller has gone ends', async () => {
  const caller = new AbortController();
  const stream = new LiveQueue().drain(caller.signal);
  const next = stream.next();
  caller.abort();
  expect(await next).toMatchObject({ done: true });
});
