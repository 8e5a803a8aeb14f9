/** S15: how long the product takes to be ready, the first time and later, and the memory that it holds when idle. */
import { setTimeout as delay } from 'node:timers/promises';
import { readLength } from '../measure/length.ts';
import { untilQuiet } from '../measure/quiet.ts';
import { Report } from '../measure/report.ts';
import { median } from '../measure/statistics.ts';
import { type Cell, verdict } from '../measure/table.ts';
import { type Memory, memoryOf, PARTS, type Part } from '../product/parts.ts';
import { type RunningAssay, startAssay } from '../product/running-assay.ts';
import { scratchDirectory } from '../product/scratch-directory.ts';

/** S15. The third bar, first install to ready, adds `npm ci` to the first start; it needs a fresh machine. */
const READY_BAR_MS = 3_000;
const MEMORY_BAR_BYTES = 300 * 2 ** 20;

type Round = { firstMs: number; againMs: number; memory: Record<Part, Memory> };

/** As users start it; without the rate limits' exception, which no user has. */
const start = (dataDir: string): Promise<RunningAssay> =>
  startAssay({ dataDir, through: 'command line', environment: { ASSAY_RATE_LIMITS: 'on' } });

async function measureOnce(idleSeconds: number): Promise<Round> {
  await using directory = await scratchDirectory();
  await untilQuiet();
  const first = await start(directory.path);
  const firstMs = first.readyMs;
  await first[Symbol.asyncDispose]();
  await untilQuiet();
  await using again = await start(directory.path);
  await delay(idleSeconds * 1000);
  return { firstMs, againMs: again.readyMs, memory: memoryOf(again.pid) };
}

const MIB = 2 ** 20;
const total = (memory: Record<Part, Memory>, kind: 'pss' | 'rss'): number =>
  PARTS.reduce((sum, part) => sum + memory[part][kind], 0);

const { rounds, seconds } = readLength({ rounds: 5, seconds: 10 });
const report = new Report('start');
const measured: Round[] = [];
for (let round = 0; round < rounds; round++) {
  report.progress(`start ${round + 1} of ${rounds}`);
  measured.push(await measureOnce(seconds));
}
report.keep('rounds', measured);

const readyMs = median(measured.map(({ againMs }) => againMs));
report.table({
  title: `S15: from the command to ready, medians of ${rounds}`,
  columns: ['', 'ms', 'slowest', 'bar', ''],
  rows: [
    [
      'first start',
      median(measured.map(({ firstMs }) => firstMs)),
      Math.max(...measured.map((one) => one.firstMs)),
      '',
      '',
    ],
    [
      'second start',
      readyMs,
      Math.max(...measured.map(({ againMs }) => againMs)),
      `≤ ${READY_BAR_MS.toLocaleString('en-US')}`,
      verdict(readyMs <= READY_BAR_MS),
    ],
  ],
});

const middle = (figure: (memory: Record<Part, Memory>) => number): number =>
  median(measured.map(({ memory }) => figure(memory)));
const held = middle((memory) => total(memory, 'pss'));
const rowOf = (part: Part): Cell[] => [
  part,
  middle((memory) => memory[part].processes),
  middle((memory) => memory[part].pss / MIB),
  middle((memory) => memory[part].rss / MIB),
];
report.table({
  title: `S15: memory after ${seconds} s idle, MiB, medians of ${rounds}`,
  columns: ['', 'processes', 'PSS', 'RSS'],
  rows: [...PARTS.map(rowOf), ['in all', null, held / MIB, middle((memory) => total(memory, 'rss')) / MIB]],
  note:
    `bar: ≤ ${MEMORY_BAR_BYTES / MIB} MiB with PostgreSQL and runner: ${verdict(held <= MEMORY_BAR_BYTES)}; ` +
    'PSS counts what processes share once, RSS once for each',
});
report.save();
