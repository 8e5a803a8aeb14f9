import { setTimeout as delay } from 'node:timers/promises';
import { allProcesses, processTree, treeMs } from '../measure/proc-stat.ts';
import type { Report } from '../measure/report.ts';
import { type Latency, latencyOf, median } from '../measure/statistics.ts';
import { type Cell, verdict } from '../measure/table.ts';
import type { RunningAssay } from '../product/running-assay.ts';
import { GREETINGS, type Greeting, spawnBare } from './programs.ts';
import { type EvaluationRecord, evaluate, readRecord } from './submission.ts';

/** S4: what an evaluation may take beyond a bare spawn when nothing was started ahead, milliseconds. */
const COLD_BAR_MS = 25;
/** A pool counts as full again when an installation used no CPU time for this long. */
const IDLE_MS = 60;
const IDLE_WITHIN_MS = 2_000;

const WAYS = ['bare spawn', 'cold', 'prestarted'] as const;
type Way = (typeof WAYS)[number];

/** Two installations: what they differ in is whether their runner starts interpreters ahead. */
export type Installations = { cold: RunningAssay; prestarted: RunningAssay };

type Measured = { times: number[]; records: EvaluationRecord[] };

/** S4: one caller, from the submission to the answer with the output, beside a bare spawn of the same program. */
export async function measureLatency(report: Report, installations: Installations, acts: number): Promise<void> {
  for (const greeting of GREETINGS) {
    report.progress(`latency of ${greeting.language}`);
    const measured = await interleave(greeting, installations, acts);
    report.keep(`latency of ${greeting.language}`, Object.fromEntries(WAYS.map((way) => [way, measured[way].times])));
    present(report, greeting, measured);
  }
}

/** One act of each way after the other, each only when the machine has nothing left to do of the one before. */
async function interleave(
  greeting: Greeting,
  { cold, prestarted }: Installations,
  acts: number,
): Promise<Record<Way, Measured>> {
  const measured: Record<Way, Measured> = {
    'bare spawn': { times: [], records: [] },
    cold: { times: [], records: [] },
    prestarted: { times: [], records: [] },
  };
  const through =
    (way: 'cold' | 'prestarted', { caller }: RunningAssay) =>
    async () => {
      const id = await evaluate(caller, greeting);
      return async () => void measured[way].records.push(await readRecord(caller, id));
    };
  const ways: [Way, () => Promise<void | (() => Promise<void>)>][] = [
    ['bare spawn', () => spawnBare(greeting)],
    ['cold', through('cold', cold)],
    ['prestarted', through('prestarted', prestarted)],
  ];
  // The first acts of all make what later ones find made: connections, plans, code, files in memory.
  for (let act = -Math.ceil(acts / 10); act < acts; act++) {
    for (const [way, run] of ways) {
      await untilIdle([cold.pid, prestarted.pid]);
      const began = performance.now();
      const after = await run();
      const took = performance.now() - began;
      if (act < 0) continue;
      measured[way].times.push(took);
      await after?.();
    }
  }
  return measured;
}

/** Waits until these installations use no CPU time, so that what one act left to do does not slow the next. */
async function untilIdle(pids: readonly number[]): Promise<void> {
  const used = (): number => {
    const all = allProcesses();
    return pids.reduce((sum, pid) => sum + treeMs(processTree(pid, all)), 0);
  };
  const deadline = performance.now() + IDLE_WITHIN_MS;
  for (let before = used(); performance.now() < deadline; ) {
    await delay(IDLE_MS);
    const now = used();
    if (now === before) return;
    before = now;
  }
}

function present(report: Report, { language }: Greeting, measured: Record<Way, Measured>): void {
  const bare = latencyOf(measured['bare spawn'].times);
  const cold = latencyOf(measured.cold.times);
  const prestarted = latencyOf(measured.prestarted.times);
  const row = (name: Way, { p50, p99 }: Latency): Cell[] => {
    const { records } = measured[name];
    const ahead = records.filter(({ receipt }) => receipt.prestarted).length;
    const kinds = new Set(records.map(({ engine, receipt }) => `${engine} (${receipt.level})`));
    return [name, p50, p99, p50 - bare.p50, p99 - bare.p99, [...kinds].join(), records.length ? `${ahead}` : ''];
  };
  report.table({
    title: `S4: ${language}, one caller, submission to answer, ${bare.count} times each`,
    columns: ['', 'p50 ms', 'p99 ms', 'p50 added', 'p99 added', 'engine', 'started ahead'],
    rows: [row('bare spawn', bare), row('cold', cold), row('prestarted', prestarted)],
    note:
      `bars: cold ≤ ${COLD_BAR_MS} ms added p50: ${verdict(cold.p50 - bare.p50 <= COLD_BAR_MS)}; ` +
      `prestarted faster than the bare spawn: ${verdict(prestarted.p50 < bare.p50)}`,
  });
  report.table({
    title: `Where the time of one ${language} evaluation goes, p50 ms`,
    columns: [
      '',
      'accepted to handed out',
      'handed out to ended',
      'of it the program ran',
      'the rest: request, answer',
    ],
    rows: (['cold', 'prestarted'] as const).map((way) => [way, ...phases(measured[way])]),
  });
}

/** The phases by the clock of the database, and what the caller saw beyond them. */
function phases({ times, records }: Measured): number[] {
  const at = (time: string): number => new Date(time).getTime();
  const waited = records.map(({ created_at, started_at }) => at(started_at) - at(created_at));
  const held = records.map(({ started_at, completed_at }) => at(completed_at) - at(started_at));
  const inAll = records.map((_, index) => (times[index] ?? 0) - (waited[index] ?? 0) - (held[index] ?? 0));
  return [median(waited), median(held), median(records.map(({ runtime_ms }) => runtime_ms)), median(inAll)];
}
