/** S8 and the governed write: the API beside its peers on the same database, and the cost of each part of governance. */
import { join } from 'node:path';
import { findLoadGenerator } from '../load/load-generator.ts';
import { readLength } from '../measure/length.ts';
import { Report } from '../measure/report.ts';
import { startDatabase } from '../product/database.ts';
import { scratchDirectory } from '../product/scratch-directory.ts';
import type { ApiBench } from './api-bench.ts';
import { measureParts } from './parts-cost.ts';
import { measureReads } from './reads.ts';
import { connectBusyRunner, connectOwner, seedEnded, startGoverned } from './set-up.ts';
import { measureQueueDepths, measureWrites } from './writes.ts';

const length = readLength({ rounds: 3, seconds: 3 });
const generator = await findLoadGenerator();
await using directory = await scratchDirectory();
await using database = await startDatabase(join(directory.path, 'database'));
const dataDir = join(directory.path, 'api');

const report = new Report('api');
let ids: string[];
{
  // The server brings the tables, so it comes before the owner looks at them. It goes before the parts are measured:
  // every process of ours hears of what the others commit.
  await using governed = await startGoverned(database, { dataDir });
  await using owner = await connectOwner(database);
  const bench: ApiBench = { report, generator, database, owner, dataDir, ...length };
  ids = await seedEnded(governed);
  await measureReads(bench, governed, ids);
  await using _runner = await connectBusyRunner(governed);
  await measureWrites(bench, governed);
  await measureQueueDepths(bench, governed);
}
await using owner = await connectOwner(database);
await owner.emptyQueue();
await measureParts({ report, generator, database, owner, dataDir, ...length }, ids);
report.save();
