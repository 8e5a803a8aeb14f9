/** S9: how soon a job begins, and how many a second go through that are created one by one, beside graphile-worker alone. */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { readLength } from '../measure/length.ts';
import { Report } from '../measure/report.ts';
import { inRounds, mostForeign } from '../measure/rounds.ts';
import { latencyOf, median } from '../measure/statistics.ts';
import { ratio, verdict } from '../measure/table.ts';
import { until } from '../measure/until.ts';
import { startDatabase } from '../product/database.ts';
import { startAssay } from '../product/running-assay.ts';
import { scratchDirectory } from '../product/scratch-directory.ts';

const CALLERS = 16;
const JOBS = 2_000;
const SINGLE_JOBS = 150;
/** Between two jobs whose start is timed: nothing is under way when the next one comes. */
const REST_MS = 20;
const RATE_BAR = 2;

/** One queue: adds a job, and tells when each began. */
type Queue = {
  add(name: string): Promise<string>;
  /** Waits for all to have ended; gives when each began, by what `add` answered: epoch milliseconds. */
  drained(ids: readonly string[]): Promise<Map<string, number>>;
};

const { rounds, isQuick } = readLength({ rounds: 3, seconds: 1 });
const report = new Report('jobs');
await using directory = await scratchDirectory();
await using database = await startDatabase(join(directory.path, 'postgres'));
await using server = await startAssay({
  dataDir: join(directory.path, 'data'),
  withoutRunner: true,
  environment: { DATABASE_URL: database.url, ASSAY_ROLE: 'api,worker' },
});

const assay: Queue = {
  async add(name) {
    const { status, body } = await server.caller.post('/v1/jobs', { modality: 'noop', input: name });
    if (status !== 202) throw new Error(`A job was answered with ${status}: ${JSON.stringify(body)}`);
    return (body as { data: { job_id: string } }).data.job_id;
  },
  async drained(ids) {
    for (const status of ['pending', 'started'])
      await until(`no job is ${status}`, async () => {
        const { body } = await server.caller.get(`/v1/jobs?status=${status}&limit=1`);
        return (body as { data: { jobs: unknown[] } }).data.jobs.length === 0;
      });
    const begun = new Map<string, number>();
    for (const id of ids) {
      const { body } = await server.caller.get(`/v1/jobs/${id}`);
      begun.set(id, Date.parse((body as { data: { job: { started_at: string } } }).data.job.started_at));
    }
    return begun;
  },
};

const schema = 'bench_worker';
const begun = new Map<string, number>();
const runner = await run({
  connectionString: database.url,
  schema,
  concurrency: CALLERS,
  noHandleSignals: true,
  // It writes a line for each job unless it is told not to.
  logger: new Logger(() => () => {}),
  taskList: { noop: async (payload) => void begun.set((payload as { name: string }).name, Date.now()) },
});
const utils = await makeWorkerUtils({ connectionString: database.url, schema });
const peer: Queue = {
  async add(name) {
    await utils.addJob('noop', { name });
    return name;
  },
  async drained(ids) {
    await until('all jobs ran', async () => ids.every((id) => begun.has(id)));
    return begun;
  },
};

/** From the call that makes a job to its beginning, one at a time, milliseconds. */
async function starts(queue: Queue): Promise<number[]> {
  const asked = new Map<string, number>();
  for (let at = 0; at < SINGLE_JOBS; at++) {
    const began = Date.now();
    asked.set(await queue.add(`single-${began}-${at}`), began);
    await pause(REST_MS);
  }
  const started = await queue.drained([...asked.keys()]);
  return [...asked].map(([id, began]) => (started.get(id) ?? Number.NaN) - began);
}

/** Jobs a second, from the first call until the last job has ended; each is made by a call of its own. */
async function rate(queue: Queue): Promise<{ perSecond: number; createdPerSecond: number }> {
  const began = performance.now();
  let made = 0;
  const ids: string[] = [];
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      while (made < JOBS) ids.push(await queue.add(`many-${began}-${made++}`));
    }),
  );
  const created = performance.now();
  await queue.drained(queue === peer ? ids : []);
  const per = (until: number): number => (ids.length * 1000) / (until - began);
  return { perSecond: per(performance.now()), createdPerSecond: per(created) };
}

report.progress('warm-up');
await rate(assay);
await rate(peer);
report.progress('start of a job');
const startTimes = await inRounds({ assay: () => starts(assay), peer: () => starts(peer) }, rounds, { isQuick });
report.progress('jobs a second');
const rates = await inRounds({ assay: () => rate(assay), peer: () => rate(peer) }, rounds, { isQuick });
report.keep('starts', startTimes);
report.keep('rates', rates);

const latency = (who: 'assay' | 'peer') => latencyOf(startTimes[who].flatMap(({ figure }) => figure));
const middle = (who: 'assay' | 'peer', what: 'perSecond' | 'createdPerSecond'): number =>
  median(rates[who].map(({ figure }) => figure[what]));
const [ours, theirs] = [latency('assay'), latency('peer')];
const [ourRate, theirRate] = [middle('assay', 'perSecond'), middle('peer', 'perSecond')];
report.table({
  title: `S9: no-op jobs, one create for each, beside graphile-worker alone; ${CALLERS} callers, medians of ${rounds}`,
  columns: ['', 'start p50 ms', 'p99 ms', 'created/s', 'jobs/s to the end', 'of the peer'],
  rows: [
    ['graphile-worker', theirs.p50, theirs.p99, middle('peer', 'createdPerSecond'), theirRate, ratio(1, 1)],
    ['Assay, governed', ours.p50, ours.p99, middle('assay', 'createdPerSecond'), ourRate, ratio(ourRate, theirRate)],
  ],
  note:
    `bars: start ≤ graphile-worker's: ${verdict(ours.p50 <= theirs.p50)}; ≥ ${RATE_BAR}× its rate: ` +
    `${verdict(ourRate >= RATE_BAR * theirRate)}; starts are told to the millisecond; others used at most ` +
    `${Math.max(mostForeign(startTimes), mostForeign(rates)).toFixed(2)} cores`,
});
await utils.release();
await runner.stop();
report.save();
