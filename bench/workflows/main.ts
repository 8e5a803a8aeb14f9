/** S10: chains, fan-outs and many runs at once, beside Restate and DBOS on the same machine. */
import { join } from 'node:path';
import { readLength } from '../measure/length.ts';
import { Report } from '../measure/report.ts';
import { type Cells, inRounds, mostForeign, type Sample } from '../measure/rounds.ts';
import { median } from '../measure/statistics.ts';
import { ratio, verdict } from '../measure/table.ts';
import { startChild } from '../product/child-program.ts';
import { startDatabase } from '../product/database.ts';
import { startAssay } from '../product/running-assay.ts';
import { scratchDirectory } from '../product/scratch-directory.ts';
import { assayWalker } from './assay.ts';
import { startRestate } from './restate.ts';
import type { Walk, Walker } from './walker.ts';

const { rounds, isQuick } = readLength({ rounds: 3, seconds: 1 });
/** Walks of a chain by one caller in one cell. */
const CHAINS = 20;
/** Steps that no worker makes: the others have none such, so that no bar speaks of it. */
const MOVED = 'Assay, nodes that only move values';
const [STEPS, WIDTH, RUNS] = [10, 1_000, 100];

await using directory = await scratchDirectory();
await using database = await startDatabase(join(directory.path, 'database'));
await using assay = await startAssay({
  dataDir: join(directory.path, 'assay'),
  withoutRunner: true,
  environment: { DATABASE_URL: database.url, ASSAY_ROLE: 'api,worker' },
});
await using restate = await startRestate(join(directory.path, 'restate'));
const ours = assayWalker(assay);
const report = new Report('workflows');

const dbosUrl = new URL(database.url);
dbosUrl.pathname = '/dbos';
await using dbos = await startChild(new URL('dbos-peer.ts', import.meta.url), { DATABASE_URL: dbosUrl.href });
const walkers: Record<string, Walker> = {
  Assay: ours.walk,
  Restate: restate.walk,
  DBOS: (walk) => dbos.ask<void>(walk),
  [MOVED]: ours.move,
};

const timed = async (act: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await act();
  return performance.now() - began;
};
const chain = (steps: number, runs = 1): Walk => ({ what: 'chain', steps, runs });

/** What one step more costs a chain: a run of it is made and waited for by other means in each of the three. */
async function perStep(walk: Walker): Promise<number> {
  const [short, long]: [number[], number[]] = [[], []];
  for (let turn = 0; turn < CHAINS; turn++) {
    short.push(await timed(() => walk(chain(1))));
    long.push(await timed(() => walk(chain(1 + STEPS))));
  }
  return (median(long) - median(short)) / STEPS;
}
async function whole(walk: Walker): Promise<number> {
  const times: number[] = [];
  for (let turn = 0; turn < CHAINS; turn++) times.push(await timed(() => walk(chain(STEPS))));
  return median(times);
}
const perSecond = (count: number, ms: number): number => (count * 1_000) / ms;

const cellsOf = (measure: (walk: Walker) => Promise<number>): Cells<string, number> =>
  Object.fromEntries(Object.entries(walkers).map(([name, walk]) => [name, () => measure(walk)]));
const middle = (samples: Sample<number>[] | undefined): number => median((samples ?? []).map(({ figure }) => figure));

for (const walk of Object.values(walkers)) {
  await walk(chain(STEPS, 20));
  await walk({ what: 'fan-out', steps: 100 });
}

const steps = await inRounds(cellsOf(perStep), rounds, { isQuick });
const chains = await inRounds(cellsOf(whole), rounds, { isQuick });
const fans = await inRounds(
  {
    ...cellsOf(async (walk) => perSecond(WIDTH, await timed(() => walk({ what: 'fan-out', steps: WIDTH })))),
    'Assay, one node for each of a list': async () => perSecond(WIDTH, await timed(() => ours.overList(WIDTH))),
  },
  rounds,
  { isQuick },
);
const many = await inRounds(
  cellsOf(async (walk) => perSecond(RUNS * STEPS, await timed(() => walk(chain(STEPS, RUNS))))),
  rounds,
  { isQuick },
);
const used = Math.max(...[steps, chains, fans, many].map(mostForeign));
const others = `others used ${used.toFixed(2)} cores at most`;

const stepOf = (name: string): number => middle(steps[name]);
report.table({
  title: `S10: chains, medians of ${rounds} × ${CHAINS} by one caller`,
  columns: ['', 'ms a step', 'of Restate', `ms for ${STEPS} steps`, 'bar ≤ 1×'],
  rows: Object.keys(walkers).map((name) => [
    name,
    stepOf(name),
    ratio(stepOf(name), stepOf('Restate')),
    middle(chains[name]),
    name === 'Assay' ? verdict(stepOf(name) <= stepOf('Restate')) : null,
  ]),
  note: others,
});
report.table({
  title: `S10: ${WIDTH.toLocaleString('en-US')} nodes at once, and their join`,
  columns: ['', 'nodes/s', 'bar ≥ 1,000/s'],
  rows: Object.entries(fans).map(([name, of]) => [
    name,
    middle(of),
    name.startsWith('Assay') && name !== MOVED ? verdict(middle(of) >= 1_000) : null,
  ]),
});
report.table({
  title: `${RUNS} runs at once of ${STEPS} steps each`,
  columns: ['', 'steps/s', 'of Restate'],
  rows: Object.entries(many).map(([name, of]) => [name, middle(of), ratio(middle(of), middle(many['Restate']))]),
});
report.keep('samples', { steps, chains, fans, many });
report.save();
