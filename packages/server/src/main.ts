import { env } from './config/env.ts';
import { PROGRAMS } from './programs/index.ts';

// A reader that has seen enough (`assay config | head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const [verb = 'serve', ...args] = process.argv.slice(2);
const run = PROGRAMS[verb];
if (run === undefined) {
  process.stderr.write(`There is no "${verb}". Use one of: ${Object.keys(PROGRAMS).join(', ')}.\n`);
  process.exit(2);
}
try {
  process.exitCode = await run({ args, env, cwd: process.cwd() });
} catch (error) {
  process.stderr.write(`assay ${verb}: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
