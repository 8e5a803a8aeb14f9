import type { LoadGenerator, LoadPlan } from '../load/load-plan.ts';
import type { Report } from '../measure/report.ts';
import type { Sample } from '../measure/rounds.ts';
import { median } from '../measure/statistics.ts';
import type { BenchDatabase } from '../product/database.ts';
import { API_KEY } from '../product/running-assay.ts';
import type { CellFigures } from './loaded-cell.ts';
import { type Owner, SUBMISSION } from './set-up.ts';

/** What every part of this bench works with. */
export type ApiBench = {
  report: Report;
  generator: LoadGenerator;
  database: BenchDatabase;
  owner: Owner;
  rounds: number;
  seconds: number;
  dataDir: string;
};

/** A load of reads, each of the next evaluation. */
export const readPlan = (origin: string, paths: readonly string[], callers: number, seconds: number): LoadPlan => ({
  origin,
  method: 'GET',
  paths,
  headers: { 'X-API-Key': API_KEY },
  body: null,
  uniqueHeader: null,
  callers,
  seconds,
});

/** A load of submissions. */
export const writePlan = (origin: string, callers: number, seconds: number, uniqueHeader?: string): LoadPlan => ({
  origin,
  method: 'POST',
  paths: ['/api/eval'],
  headers: { 'X-API-Key': API_KEY, 'Content-Type': 'application/json' },
  body: JSON.stringify(SUBMISSION),
  uniqueHeader: uniqueHeader ?? null,
  callers,
  seconds,
});

/** The median of every figure over the rounds. */
export const medianOf = <Figures extends Record<string, number>>(samples: readonly Sample<Figures>[]): Figures => {
  const [first] = samples;
  if (!first) throw new Error('Nothing was measured.');
  const names = Object.keys(first.figure) as (keyof Figures)[];
  return Object.fromEntries(
    names.map((name) => [name, median(samples.map(({ figure }) => figure[name] as number))]),
  ) as Figures;
};

/** The figures of a cell as the columns of a table. */
export const shown = (figures: CellFigures) => [
  figures.perSecond,
  figures.p50Ms,
  figures.p99Ms,
  figures.serverMicros,
  figures.databaseMicros,
];
