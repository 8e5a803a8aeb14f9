import { untilQuiet } from '../measure/quiet.ts';
import type { Report } from '../measure/report.ts';
import { latencyOf } from '../measure/statistics.ts';
import { verdict } from '../measure/table.ts';
import { untilDone } from '../product/queue.ts';
import type { RunningAssay } from '../product/running-assay.ts';

const SIZE = 100;
/** S6: how long a batch may take to be accepted, p50, milliseconds. */
const BAR_MS = 50;

/** S6: a hundred evaluations in one request, on an empty queue, with the runner at work as soon as they are in. */
export async function measureBatches(report: Report, { caller }: RunningAssay, batches: number): Promise<void> {
  report.progress('batches');
  const evaluations = Array.from({ length: SIZE }, () => ({ language: 'python', code: "print('hi')" }));
  const accepted: number[] = [];
  const done: number[] = [];
  for (let batch = 0; batch <= batches; batch++) {
    await untilQuiet();
    const began = performance.now();
    const { status, body } = await caller.post('/api/eval-batch', { evaluations });
    const acceptedMs = performance.now() - began;
    if (status !== 200 || (body as { queued: number }).queued !== SIZE) {
      throw new Error(`A batch was not accepted as a whole: ${status} ${JSON.stringify(body).slice(0, 500)}`);
    }
    await untilDone(caller);
    if (batch === 0) continue;
    accepted.push(acceptedMs);
    done.push(performance.now() - began);
  }
  report.keep('batches', { accepted, done });
  const { p50, p99 } = latencyOf(accepted);
  report.table({
    title: `S6: a batch of ${SIZE} evaluations, ${batches} times`,
    columns: ['', 'p50 ms', 'p99 ms'],
    rows: [
      ['accepted', p50, p99],
      ['all of them ended', latencyOf(done).p50, latencyOf(done).p99],
    ],
    note: `bar: accepted ≤ ${BAR_MS} ms p50: ${verdict(p50 <= BAR_MS)}`,
  });
}
