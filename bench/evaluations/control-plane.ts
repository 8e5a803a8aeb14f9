import type { Report } from '../measure/report.ts';
import { inRounds, mostForeign } from '../measure/rounds.ts';
import { median } from '../measure/statistics.ts';
import { COLD_RUNNER_TOKEN } from '../product/cold-runner.ts';
import { untilOffered } from '../product/queue.ts';
import { startAssay } from '../product/running-assay.ts';
import { scratchDirectory } from '../product/scratch-directory.ts';
import { connectStandIn } from '../product/stand-in-runner.ts';
import type { Greeting } from './programs.ts';
import { evaluate } from './submission.ts';
import { busy, type Effort } from './throughput.ts';

const SLOTS = 8;
const GREETING: Greeting = { language: 'python', code: "print('hi')", command: '', args: [] };

/** What the control plane does when running costs nothing: evaluations through a runner that only says they went well. */
export async function measureControlPlane(report: Report, { rounds, seconds }: Effort): Promise<void> {
  await using directory = await scratchDirectory();
  await using assay = await startAssay({
    dataDir: directory.path,
    environment: { ASSAY_ROLE: 'api,worker', ASSAY_RUNNER_TOKEN: COLD_RUNNER_TOKEN },
    withoutRunner: true,
  });
  await using _runner = await connectStandIn({
    url: assay.url,
    token: COLD_RUNNER_TOKEN,
    slots: SLOTS,
    finishes: 'at once',
  });
  await untilOffered(assay.caller, GREETING.language);
  report.progress('the control plane alone');
  const samples = await inRounds(
    { alone: () => busy(seconds, () => evaluate(assay.caller, GREETING), assay.pid) },
    rounds,
  );
  report.keep('control plane', samples);
  const middle = (figure: (run: (typeof samples)['alone'][number]['figure']) => number): number =>
    median(samples.alone.map((sample) => figure(sample.figure)));
  report.table({
    title: 'Evaluations through a runner that runs nothing',
    columns: ['evaluations/s', 'p50 ms', 'p99 ms', 'server ms', 'PostgreSQL ms', 'this bench ms'],
    rows: [
      [
        middle(({ perSecond }) => perSecond),
        middle(({ p50Ms }) => p50Ms),
        middle(({ p99Ms }) => p99Ms),
        middle(({ cpu }) => cpu.server),
        middle(({ cpu }) => cpu.postgres),
        middle(({ cpu }) => cpu.bench),
      ],
    ],
    note: `milliseconds of CPU time for each; others used at most ${mostForeign(samples).toFixed(2)} cores`,
  });
}
