/** S11: authorization checks beside casbin and CASL, key look-up beside better-auth, and what it costs to be let in. */
import { join } from 'node:path';
import { readLength } from '../measure/length.ts';
import { Report } from '../measure/report.ts';
import { startDatabase } from '../product/database.ts';
import { scratchDirectory } from '../product/scratch-directory.ts';
import { measureAdmission } from './admission.ts';
import { measureBatches } from './batches.ts';
import { measureDecisions } from './decisions.ts';
import { measureLookUps } from './key-look-ups.ts';

const length = readLength({ rounds: 5, seconds: 1 });
await using directory = await scratchDirectory();
const report = new Report('authz');
await measureDecisions(report, length);
{
  await using database = await startDatabase(join(directory.path, 'database'));
  const at = { database, dataDir: join(directory.path, 'server') };
  await measureBatches(report, at);
  await measureLookUps(report, at, length);
  await measureAdmission(report, at, length);
}
report.save();
