import { readConfiguration, USAGE } from './configuration.ts';
import { readEnvironment } from './env.ts';
import { log } from './log.ts';
import { serve } from './serve.ts';

const args = process.argv.slice(2);
if (args.includes('--help')) {
  process.stdout.write(USAGE);
} else if (args.includes('--doctor')) {
  const { inspectMachine } = await import('./doctor.ts');
  const checks = await inspectMachine();
  const lines = checks.map(
    ({ name, ok, detail, fix }) => `${ok ? 'ok  ' : 'FAIL'}  ${name}: ${detail}${ok ? '' : `\n      ${fix}`}\n`,
  );
  process.stdout.write(args.includes('--json') ? `${JSON.stringify({ checks })}\n` : lines.join(''));
  process.exit(checks.every(({ ok }) => ok) ? 0 : 1);
} else {
  try {
    await serve(readConfiguration(args, readEnvironment()));
    process.exit(0);
  } catch (error) {
    log.error({ error: error instanceof Error ? error.message : String(error) }, 'the runner cannot go on');
    process.exit(1);
  }
}
