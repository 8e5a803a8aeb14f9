import { inRounds, mostForeign, type Sample } from '../measure/rounds.ts';
import type { Cell } from '../measure/table.ts';
import { type ApiBench, medianOf, readPlan, shown, writePlan } from './api-bench.ts';
import { type CellFigures, loadCell } from './loaded-cell.ts';
import { connectBusyRunner, type GovernedServer, startGoverned } from './set-up.ts';
import { PARTS, type Part } from './switched-off.ts';

const CALLERS = 16;
/** The row that the others are compared with. */
const WHOLE = 'everything on';
/** Parts that a read has nothing of. */
const OF_WRITES_ONLY: ReadonlySet<Part> = new Set(['audit leaf', 'events', 'queue position']);

/** What each part of the governance costs: the same request with one part after the other switched off. */
export async function measureParts(bench: ApiBench, ids: readonly string[]): Promise<void> {
  await using governed = await startGoverned(bench.database, { dataDir: bench.dataDir, switchOff: true });
  await using _runner = await connectBusyRunner(governed);
  const paths = ids.map((id) => `/api/eval-status/${id}`);
  const { seconds, owner } = bench;
  await compare(bench, governed, {
    title: 'What the parts of a governed read cost',
    parts: PARTS.filter((part) => !OF_WRITES_ONLY.has(part)),
    plan: (origin) => readPlan(origin, paths, CALLERS, seconds),
    prepare: async () => {},
  });
  await compare(bench, governed, {
    title: 'What the parts of a submission cost',
    parts: PARTS,
    plan: (origin) => writePlan(origin, CALLERS, seconds),
    prepare: () => owner.emptyQueue(),
  });
}

type Comparison = {
  title: string;
  parts: readonly Part[];
  plan(origin: string): Parameters<typeof loadCell>[1];
  prepare(): Promise<void>;
};

async function compare(bench: ApiBench, { ready, cpuMs }: GovernedServer, of: Comparison): Promise<void> {
  const { report, generator, database, rounds } = bench;
  const cell = (origin: string) => async () => {
    await of.prepare();
    return loadCell(generator, of.plan(origin), { server: cpuMs, database: database.cpuMs });
  };
  report.progress(of.title);
  // All run the same code in one process: whoever came first would be measured while it is still being compiled.
  for (const origin of Object.values(ready.without)) await generator.run({ ...of.plan(origin), seconds: 1 });
  const origins = of.parts.map((part) => [part, ready.without[part] ?? ''] as const);
  const cells = Object.fromEntries([[WHOLE, ready.url] as const, ...origins].map(([name, url]) => [name, cell(url)]));
  const samples = await inRounds(cells, rounds);
  report.keep(of.title, samples);
  const whole = medianOf(samples[WHOLE] ?? []);
  report.table({
    title: `${of.title}, ${CALLERS} callers: without…`,
    columns: ['', 'requests/s', 'p50 ms', 'p99 ms', 'server µs', 'database µs', 'costs server µs', 'costs database µs'],
    rows: [[WHOLE, ...shown(whole), null, null], ...of.parts.map((part) => row(part, samples[part] ?? [], whole))],
    note: `others used at most ${mostForeign(samples).toFixed(2)} cores`,
  });
}

function row(part: Part, samples: readonly Sample<CellFigures>[], whole: CellFigures): Cell[] {
  const figures = medianOf(samples);
  const saved = [whole.serverMicros - figures.serverMicros, whole.databaseMicros - figures.databaseMicros];
  return [part, ...shown(figures), ...saved];
}
