import { EXIT_CODES } from '@assay/contract/exit-codes';
import { readEnvironment } from './env.ts';
import { runCli } from './run-cli.ts';

const interruption = new AbortController();
process.once('SIGINT', () => {
  interruption.abort(new Error('Interrupted.'));
  // Whoever waits hears of it and ends tidily; what hangs is cut off.
  process.once('SIGINT', () => process.exit(EXIT_CODES.interrupted));
  setTimeout(() => process.exit(EXIT_CODES.interrupted), 2_000).unref();
});

// The reader has had enough (`assay eval list | head -1`): that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.exitCode = await runCli(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: readEnvironment().all,
  cwd: process.cwd(),
  signal: interruption.signal,
});
