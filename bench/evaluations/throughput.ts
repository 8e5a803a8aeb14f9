import type { Report } from '../measure/report.ts';
import { inRounds, mostForeign, type Sample } from '../measure/rounds.ts';
import { latencyOf, median } from '../measure/statistics.ts';
import { type Sustained, sustain } from '../measure/sustained.ts';
import { ratio, verdict } from '../measure/table.ts';
import { cpuOf, cpuPerAct, PARTS, type Part } from '../product/parts.ts';
import type { RunningAssay } from '../product/running-assay.ts';
import { GREETINGS, type Greeting, spawnBare } from './programs.ts';
import { evaluate } from './submission.ts';

/** Enough to keep both cores busy, and few enough that nobody waits for long. */
const CALLERS = 8;
const WARM_UP_SECONDS = 1;
/** S5: part of the bare spawns that evaluations reach. */
const BAR = 0.6;

type Run = { perSecond: number; p50Ms: number; p99Ms: number; cpu: Record<Part, number>; ourselves: number };

export type Effort = { rounds: number; seconds: number };

/** S5: evaluations in a row from callers that never rest, beside as many bare spawns of the same program. */
export async function measureThroughput(report: Report, assay: RunningAssay, effort: Effort): Promise<void> {
  for (const greeting of GREETINGS) {
    report.progress(`throughput of ${greeting.language}`);
    const samples = await inRounds(
      {
        bare: () => busy(effort.seconds, () => spawnBare(greeting), null),
        evaluations: () => busy(effort.seconds, () => evaluate(assay.caller, greeting), assay.pid),
      },
      effort.rounds,
    );
    report.keep(`throughput of ${greeting.language}`, samples);
    present(report, greeting, samples);
  }
}

/** Keeps the callers at it, and counts the CPU time of each part of the installation, and our own. */
export async function busy(seconds: number, act: () => Promise<unknown>, server: number | null): Promise<Run> {
  const readings: Record<Part, number>[] = [];
  const own: number[] = [];
  const onWindow = (): void => {
    const { user, system } = process.cpuUsage();
    own.push((user + system) / 1e3);
    if (server !== null) readings.push(cpuOf(server));
  };
  const done: Sustained = await sustain({ callers: CALLERS, warmUpSeconds: WARM_UP_SECONDS, seconds, act, onWindow });
  const [before = NOTHING, after = NOTHING] = readings;
  const [ownBefore = 0, ownAfter = 0] = own;
  const { p50, p99 } = latencyOf(done.times);
  return {
    perSecond: done.perSecond,
    p50Ms: p50,
    p99Ms: p99,
    cpu: cpuPerAct(before, after, done.acts),
    ourselves: (ownAfter - ownBefore) / done.acts,
  };
}

const NOTHING: Record<Part, number> = { server: 0, postgres: 0, runner: 0, sandboxes: 0 };

function present(
  report: Report,
  { language }: Greeting,
  samples: Record<'bare' | 'evaluations', readonly Sample<Run>[]>,
): void {
  const middle = (of: 'bare' | 'evaluations', figure: (run: Run) => number): number =>
    median(samples[of].map((sample) => figure(sample.figure)));
  const bare = middle('bare', ({ perSecond }) => perSecond);
  const ours = middle('evaluations', ({ perSecond }) => perSecond);
  report.table({
    title: `S5: ${language}, ${CALLERS} callers that never rest`,
    columns: ['', 'runs/s', 'p50 ms', 'p99 ms', 'of the bare spawns'],
    rows: (['bare', 'evaluations'] as const).map((of) => [
      of === 'bare' ? 'bare spawns' : 'evaluations',
      middle(of, ({ perSecond }) => perSecond),
      middle(of, ({ p50Ms }) => p50Ms),
      middle(of, ({ p99Ms }) => p99Ms),
      ratio(
        middle(of, ({ perSecond }) => perSecond),
        bare,
      ),
    ]),
    note:
      `bar: ≥ ${BAR}×: ${verdict(ours >= BAR * bare)}; ` +
      `others used at most ${mostForeign(samples).toFixed(2)} cores`,
  });
  report.table({
    title: `CPU time of one ${language} evaluation while both cores are busy, ms`,
    columns: [...PARTS, 'this bench'],
    rows: [
      [
        ...PARTS.map((part) => middle('evaluations', ({ cpu }) => cpu[part])),
        middle('evaluations', ({ ourselves }) => ourselves),
      ],
    ],
    note: 'sandboxes: everything below the runner, the interpreter itself included',
  });
}
