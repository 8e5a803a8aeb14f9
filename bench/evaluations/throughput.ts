import type { Report } from '../measure/report.ts';
import { inRounds, mostForeign, type Sample } from '../measure/rounds.ts';
import { latencyOf, median } from '../measure/statistics.ts';
import { type Sustained, sustain } from '../measure/sustained.ts';
import { ratio, verdict } from '../measure/table.ts';
import { CPU_PARTS, type CpuByPart, cpuPerAct, readCpu } from '../product/parts.ts';
import type { RunningAssay } from '../product/running-assay.ts';
import { GREETINGS, type Greeting, spawnBare } from './programs.ts';
import { evaluate } from './submission.ts';

/** Enough to keep both cores busy, and few enough that nobody waits for long. */
const CALLERS = 8;
const WARM_UP_SECONDS = 1;
/** S5: part of the bare spawns that evaluations reach. */
const BAR = 0.6;

type Run = { perSecond: number; p50Ms: number; p99Ms: number; cpu: CpuByPart };

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

/** Keeps the callers at it, and counts the CPU time of each part of the installation for each act. */
export async function busy(seconds: number, act: () => Promise<unknown>, server: number | null): Promise<Run> {
  const readings: CpuByPart[] = [];
  const onWindow = (): void => void readings.push(readCpu(server));
  const done: Sustained = await sustain({ callers: CALLERS, warmUpSeconds: WARM_UP_SECONDS, seconds, act, onWindow });
  const [before, after] = readings;
  if (!before || !after) throw new Error('The window was not seen.');
  const { p50, p99 } = latencyOf(done.times);
  return { perSecond: done.perSecond, p50Ms: p50, p99Ms: p99, cpu: cpuPerAct(before, after, done.acts) };
}

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
    title: `CPU time of one ${language} run while both cores are busy, ms`,
    columns: ['', ...CPU_PARTS.map((part) => (part === 'sandboxes' ? 'programs and kernel' : part)), 'in all'],
    rows: (['bare', 'evaluations'] as const).map((of) => [
      of === 'bare' ? 'bare spawn' : 'evaluation',
      ...CPU_PARTS.map((part) => middle(of, ({ cpu }) => cpu[part])),
      middle(of, ({ cpu }) => CPU_PARTS.reduce((sum, part) => sum + cpu[part], 0)),
    ]),
  });
}
