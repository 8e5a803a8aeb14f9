import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Queue as Bull, Worker } from 'bullmq';
import { until } from '../measure/until.ts';
import { CALLERS, type Queue } from './queue.ts';

/**
 * BullMQ in the process that asks, on a Redis of its own that has each write on the disk before it answers, as PostgreSQL
 * does (`redis-server` of the distribution).
 * @throws Error when there is no `redis-server`
 */
export async function startBullmq(directory: string): Promise<Queue & AsyncDisposable> {
  await mkdir(directory);
  const path = join(directory, 'redis.sock');
  const settings = { port: 0, unixsocket: path, dir: directory, appendonly: 'yes', appendfsync: 'always', save: '' };
  const redis = spawn(
    'redis-server',
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    { stdio: 'ignore' },
  );
  await once(redis, 'spawn').catch((cause: unknown) => {
    throw new Error('BullMQ needs Redis: apt-get install redis-server', { cause });
  });
  const connection = { path, maxRetriesPerRequest: null };
  const begun = new Map<string, number>();
  const queue = new Bull('noop', { connection });
  const worker = new Worker('noop', async ({ name }) => void begun.set(name, Date.now()), {
    connection,
    concurrency: CALLERS,
  });
  // Redis listens a moment later; both connect again by themselves.
  queue.on('error', () => {});
  worker.on('error', () => {});
  await worker.waitUntilReady();
  return {
    async add(name) {
      await queue.add(name, {}, { removeOnComplete: true });
      return name;
    },
    ended: (ids) => until('all jobs ran', async () => ids.every((id) => begun.has(id))),
    begun: async () => begun,
    async [Symbol.asyncDispose]() {
      await worker.close();
      await queue.close();
      const gone = once(redis, 'exit');
      redis.kill('SIGTERM');
      await gone;
    },
  };
}
