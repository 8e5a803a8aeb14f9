import { randomUUID } from 'node:crypto';
import { untilQuiet } from '../measure/quiet.ts';
import type { Report } from '../measure/report.ts';
import { latencyOf } from '../measure/statistics.ts';
import { verdict } from '../measure/table.ts';
import type { BenchDatabase } from '../product/database.ts';
import { startAssay } from '../product/running-assay.ts';

const CHECKS = 1_000;
const REQUESTS = 100;
const WARM_UP = 30;
const BAR_MS = 10;

export type Place = { database: BenchDatabase; dataDir: string };

/** A thousand questions in one request, over a real port, one request after the other. */
export async function measureBatches(report: Report, { database, dataDir }: Place): Promise<void> {
  await using assay = await startAssay({
    dataDir,
    withoutRunner: true,
    environment: { DATABASE_URL: database.url, ASSAY_ROLE: 'api', ASSAY_GRPC_PORT: 'off' },
  });
  const actions = ['evaluations:read', 'evaluations:write', 'members:write', 'evaluations.evaluation.kill'];
  const question = (index: number, resource: object) => ({
    action: index % 4 === 2 ? 'read' : actions[index % actions.length],
    resource,
  });
  const batches = {
    'of types': Array.from({ length: CHECKS }, (_, index) => question(index, { type: 'evaluation' })),
    'of single rows': Array.from({ length: CHECKS }, (_, index) =>
      question(index, { type: 'evaluation', id: `eval_${randomUUID()}` }),
    ),
  };
  const rows: (string | number)[][] = [];
  for (const [name, checks] of Object.entries(batches)) {
    const ask = async (): Promise<number> => {
      const began = performance.now();
      const { status, body } = await assay.caller.post('/v1/authz/check-batch', { checks });
      const took = performance.now() - began;
      const { results } = (body as { data: { results: { error: unknown }[] } }).data;
      if (status !== 200 || results.length !== CHECKS || results.some(({ error }) => error !== null))
        throw new Error(`A batch was answered with ${status}.`);
      return took;
    };
    await untilQuiet();
    for (let request = 0; request < WARM_UP; request++) await ask();
    const times: number[] = [];
    for (let request = 0; request < REQUESTS; request++) times.push(await ask());
    const { p50, p99 } = latencyOf(times);
    report.keep(`batch ${name}, milliseconds`, times);
    rows.push([`1,000 checks ${name}`, p50, p99, verdict(p50 <= BAR_MS)]);
  }
  report.table({
    title: 'S11: a batch of 1,000 checks over HTTP, milliseconds until its answer is parsed',
    columns: ['', 'p50', 'p99', 'bar (p50 ≤ 10)'],
    rows,
  });
}
