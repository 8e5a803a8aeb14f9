/** S4, S5, S6: evaluations through the whole product, beside bare spawns of the same programs. */
import { join } from 'node:path';
import { readLength } from '../measure/length.ts';
import { Report } from '../measure/report.ts';
import { COLD_RUNNER_TOKEN, startColdRunner } from '../product/cold-runner.ts';
import { startAssay } from '../product/running-assay.ts';
import { scratchDirectory } from '../product/scratch-directory.ts';
import { measureBatches } from './batches.ts';
import { measureControlPlane } from './control-plane.ts';
import { measureLatency } from './latency.ts';
import { measureThroughput } from './throughput.ts';

const effort = readLength({ rounds: 3, seconds: 8 });
/** Single acts grow with the rounds: 99th percentiles need more of them than medians. */
const ACTS_PER_ROUND = 50;
const BATCHES_PER_ROUND = 5;

const report = new Report('evaluations');
await using directory = await scratchDirectory();
{
  await using prestarted = await startAssay({ dataDir: join(directory.path, 'prestarted') });
  {
    await using cold = await startAssay({
      dataDir: join(directory.path, 'cold'),
      environment: { ASSAY_ROLE: 'api,worker', ASSAY_RUNNER_TOKEN: COLD_RUNNER_TOKEN },
      withoutRunner: true,
    });
    await using _runner = await startColdRunner(cold, join(directory.path, 'cold-runner'));
    await measureLatency(report, { cold, prestarted }, effort.rounds * ACTS_PER_ROUND);
  }
  await measureThroughput(report, prestarted, effort);
  await measureBatches(report, prestarted, effort.rounds * BATCHES_PER_ROUND);
}
await measureControlPlane(report, effort);
report.save();
