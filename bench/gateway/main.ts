/** S1, S2, S3: model calls through the product and through Portkey's gateway, over one upstream that thinks no longer than it is told. */
import { join } from 'node:path';
import { findLoadGenerator } from '../load/load-generator.ts';
import { readLength } from '../measure/length.ts';
import { Report } from '../measure/report.ts';
import { startChild } from '../product/child-program.ts';
import { scratchDirectory } from '../product/scratch-directory.ts';
import { startPortkey, startProduct } from './gateways.ts';
import { measureLatency } from './latency.ts';
import type { MockReady } from './mock-upstream.ts';
import { measureParts } from './parts-cost.ts';
import { measureStreams } from './streams.ts';
import { measureThroughput } from './throughput.ts';

const length = readLength({ rounds: 3, seconds: 4 });
const generator = await findLoadGenerator();
await using directory = await scratchDirectory();
const report = new Report('gateway');
await using mock = await startChild<MockReady>(new URL('mock-upstream.ts', import.meta.url), {});
{
  await using portkey = await startPortkey(mock.ready.url);
  await using product = await startProduct(mock.ready.url, join(directory.path, 'product'));
  const bench = { report, generator, mock, portkey, product, ...length };
  await measureLatency(bench);
  await measureStreams(bench);
  await measureThroughput(bench);
}
await measureParts({ report, generator, mock, ...length }, directory.path);
report.save();
