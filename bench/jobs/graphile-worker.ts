import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { until } from '../measure/until.ts';
import { CALLERS, type Queue } from './queue.ts';

const SCHEMA = 'bench_worker';

/** graphile-worker in the process that asks, on the PostgreSQL that it is given. */
export async function startGraphileWorker(connectionString: string): Promise<Queue & AsyncDisposable> {
  const begun = new Map<string, number>();
  const runner = await run({
    connectionString,
    schema: SCHEMA,
    concurrency: CALLERS,
    noHandleSignals: true,
    // It writes a line for each job unless it is told not to.
    logger: new Logger(() => () => {}),
    taskList: { noop: async (payload) => void begun.set((payload as { name: string }).name, Date.now()) },
  });
  const utils = await makeWorkerUtils({ connectionString, schema: SCHEMA });
  return {
    async add(name) {
      await utils.addJob('noop', { name });
      return name;
    },
    ended: (ids) => until('all jobs ran', async () => ids.every((id) => begun.has(id))),
    begun: async () => begun,
    async [Symbol.asyncDispose]() {
      await utils.release();
      await runner.stop();
    },
  };
}
