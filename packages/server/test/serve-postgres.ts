/**
 * A process that runs the embedded PostgreSQL on a directory until it is told to end, for tests that kill it. It prints
 * one line of JSON: where the server is, or why there is none.
 */
import { accountsFor, currentCaller } from '../src/platform/embedded-postgres/account.ts';
import { startEmbeddedPostgres } from '../src/platform/embedded-postgres/embedded-postgres.ts';
import { recordingLog } from './recording-log.ts';

const [dataDir = '', way = ''] = process.argv.slice(2);
const all = accountsFor(currentCaller());
// "orphaning" takes setpriv away from the front, so that the server outlives a killed parent.
const orphaning = all.map((account) => ({
  ...account,
  prefix: account.prefix.slice(0, account.prefix.includes('setpriv') ? account.prefix.indexOf('setpriv') : undefined),
}));

try {
  const accounts = way === 'orphaning' ? orphaning : all;
  const postgres = await startEmbeddedPostgres({ dataDir, log: recordingLog(), accounts });
  const { pid, connection } = postgres;
  process.on('SIGTERM', () => postgres[Symbol.asyncDispose]());
  process.stdout.write(`${JSON.stringify({ pid, connection })}\n`);
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  process.stdout.write(`${JSON.stringify({ code, message })}\n`);
}
