/** S9: how soon a job begins, and how many a second go through that are created one by one, beside queues alone. */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readLength } from '../measure/length.ts';
import { Report } from '../measure/report.ts';
import { type Cells, inRounds, mostForeign, type Sample } from '../measure/rounds.ts';
import { latencyOf, median } from '../measure/statistics.ts';
import { ratio, verdict } from '../measure/table.ts';
import { startDatabase } from '../product/database.ts';
import { startAssay } from '../product/running-assay.ts';
import { scratchDirectory } from '../product/scratch-directory.ts';
import { assayQueue } from './assay.ts';
import { startBullmq } from './bullmq.ts';
import { startGraphileWorker } from './graphile-worker.ts';
import { CALLERS, type Queue } from './queue.ts';

const JOBS = 2_000;
const SINGLE_JOBS = 150;
/** Between two jobs whose start is timed: nothing is under way when the next one comes. */
const REST_MS = 20;
const RATE_BAR = 2;
const [OURS, PEER] = ['Assay, governed', 'graphile-worker'];

const { rounds, isQuick } = readLength({ rounds: 3, seconds: 1 });
const report = new Report('jobs');
await using directory = await scratchDirectory();
await using database = await startDatabase(join(directory.path, 'postgres'));
await using server = await startAssay({
  dataDir: join(directory.path, 'data'),
  withoutRunner: true,
  environment: { DATABASE_URL: database.url, ASSAY_ROLE: 'api,worker' },
});
await using worker = await startGraphileWorker(database.url);
await using bullmq = await startBullmq(join(directory.path, 'redis'));
const queues: Record<string, Queue> = {
  [PEER]: worker,
  'BullMQ, each write on the disk': bullmq,
  [OURS]: assayQueue(server.caller),
};

/** From the call that makes a job to its beginning, one at a time, milliseconds. */
async function starts(queue: Queue): Promise<number[]> {
  const asked = new Map<string, number>();
  for (let at = 0; at < SINGLE_JOBS; at++) {
    const began = Date.now();
    asked.set(await queue.add(`single-${began}-${at}`), began);
    await pause(REST_MS);
  }
  const ids = [...asked.keys()];
  await queue.ended(ids);
  const begun = await queue.begun(ids);
  return [...asked].map(([id, began]) => (begun.get(id) ?? Number.NaN) - began);
}

type Rate = { perSecond: number; createdPerSecond: number };
/** Jobs a second, from the first call until the last job has ended; each is made by a call of its own. */
async function rate(queue: Queue): Promise<Rate> {
  const began = performance.now();
  let made = 0;
  const ids: string[] = [];
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      while (made < JOBS) ids.push(await queue.add(`many-${began}-${made++}`));
    }),
  );
  const created = performance.now();
  await queue.ended(ids);
  const per = (until: number): number => (ids.length * 1000) / (until - began);
  return { perSecond: per(performance.now()), createdPerSecond: per(created) };
}

const cellsOf = <Figure>(measure: (queue: Queue) => Promise<Figure>): Cells<string, Figure> =>
  Object.fromEntries(Object.entries(queues).map(([name, queue]) => [name, () => measure(queue)]));

report.progress('warm-up');
for (const queue of Object.values(queues)) await rate(queue);
report.progress('start of a job');
const startTimes = await inRounds(cellsOf(starts), rounds, { isQuick });
report.progress('jobs a second');
const rates = await inRounds(cellsOf(rate), rounds, { isQuick });
report.keep('starts', startTimes);
report.keep('rates', rates);

const figures = <Figure>(samples: readonly Sample<Figure>[] | undefined): Figure[] =>
  (samples ?? []).map(({ figure }) => figure);
const startOf = (name: string) => latencyOf(figures(startTimes[name]).flat());
const rateOf = (name: string, what: keyof Rate = 'perSecond'): number =>
  median(figures(rates[name]).map((figure) => figure[what]));
report.table({
  title: `S9: no-op jobs, one create for each, beside queues alone; ${CALLERS} callers, medians of ${rounds}`,
  columns: ['', 'start p50 ms', 'p99 ms', 'created/s', 'jobs/s to the end', `of ${PEER}`],
  rows: Object.keys(queues).map((name) => {
    const { p50, p99 } = startOf(name);
    return [name, p50, p99, rateOf(name, 'createdPerSecond'), rateOf(name), ratio(rateOf(name), rateOf(PEER))];
  }),
  note:
    `bars: start ≤ ${PEER}'s: ${verdict(startOf(OURS).p50 <= startOf(PEER).p50)}; ≥ ${RATE_BAR}× its rate: ` +
    `${verdict(rateOf(OURS) >= RATE_BAR * rateOf(PEER))}; starts are told to the millisecond; others used at most ` +
    `${Math.max(mostForeign(startTimes), mostForeign(rates)).toFixed(2)} cores`,
});
report.save();
