import { readConfiguration, USAGE } from './configuration.ts';
import { readEnvironment } from './env.ts';
import { log } from './log.ts';
import { serve } from './serve.ts';

const args = process.argv.slice(2);
if (args.includes('--help')) {
  process.stdout.write(USAGE);
} else {
  try {
    await serve(readConfiguration(args, readEnvironment()));
    process.exit(0);
  } catch (error) {
    log.error({ error: error instanceof Error ? error.message : String(error) }, 'the runner cannot go on');
    process.exit(1);
  }
}
