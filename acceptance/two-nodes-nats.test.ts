import { join } from 'node:path';
import type { StreamEvent } from '@assay/contract';
import { afterAll, expect, test } from 'vitest';
import { databaseUrlOf } from './harness/database.ts';
import { NatsServer } from './harness/nats-server.ts';
import { Server } from './harness/server.ts';
import { Sse } from './harness/sse.ts';

/* Two API nodes on one database, whose signals go over NATS. */
const nats = await NatsServer.start();
const env = { ASSAY_RATE_LIMITS: 'off', ASSAY_GRPC_PORT: 'off', ASSAY_NATS_URL: nats.url };
const near = await Server.start({ args: ['--role', 'api,worker'], env, awaitReady: false });
const far = await Server.start({
  args: ['--role', 'api'],
  env: {
    ...env,
    ASSAY_MASTER_KEY_FILE: join(near.dataDir, 'master.key'),
    DATABASE_URL: await databaseUrlOf(near),
  },
  awaitReady: false,
});
afterAll(async () => {
  await far[Symbol.asyncDispose]();
  await near[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});
const { apiKey } = near.credentials;

/** Has an event happen at a node: a key is made. Gives its subject. */
async function happenAt(server: Server): Promise<string> {
  const { api_key } = await server.sdk(apiKey).apiKeys.create({ name: 'Told of', scopes: ['events:read'] });
  return api_key.id;
}
const about = (subject: string) => (frame: { data: unknown }) => (frame.data as StreamEvent)?.subject === subject;
const follow = (server: Server): Promise<Sse> =>
  Sse.open(`${server.url}/v1/events/stream?types=apikey.created`, { 'x-api-key': apiKey });

test('what happens at one node is told at the other, each way, without a gap or a double', async () => {
  using atFar = await follow(far);
  using atNear = await follow(near);
  await Promise.all([atFar, atNear].map((stream) => stream.frame('the start', ({ id }) => id !== '')));
  const subjects = [await happenAt(near), await happenAt(far), await happenAt(near)];
  for (const stream of [atFar, atNear]) {
    await stream.frame('the last is told', about(subjects.at(-1) ?? ''));
    expect(stream.frames.flatMap(({ data }) => (data as StreamEvent | undefined)?.subject ?? [])).toEqual(subjects);
  }
});

test('nothing is lost while NATS is away, and the nodes find it again', async () => {
  using stream = await follow(far);
  await stream.frame('the start', ({ id }) => id !== '');
  await nats.stop();
  const without = await happenAt(near);
  await nats.start();
  const again = await happenAt(near);
  await stream.frame('it is told again', about(again));
  expect(stream.frames.flatMap(({ data }) => (data as StreamEvent | undefined)?.subject ?? [])).toEqual([
    without,
    again,
  ]);
});
