import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import type { Cli } from '../cli.ts';
import { CliError } from '../cli-error.ts';
import { connect } from '../connection.ts';

const EXPORT = '/v1/audit-logs/export';

/** The body of an export of the server that the environment names. */
export async function openExport(cli: Cli, log: string): Promise<ReadableStream<Uint8Array>> {
  const assay = await connect(cli);
  const request = { method: 'GET', path: EXPORT, query: { log }, headers: { accept: 'application/x-ndjson' } };
  const { body } = await assay.request(request, { signal: cli.signal });
  return body ?? new ReadableStream();
}

/**
 * The lines of an exported log: of a file, of an address (asked without a credential: it may be anybody's), of standard
 * input (`-`), or of the server that the environment names.
 */
export async function openLog(source: string | undefined, log: string, cli: Cli): Promise<AsyncIterable<string>> {
  const input = source === undefined ? fromWeb(await openExport(cli, log)) : await openSource(source, cli);
  return createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
}

async function openSource(source: string, { stdin, cwd, signal }: Cli): Promise<NodeJS.ReadableStream> {
  if (source === '-') return Readable.from(stdin);
  if (!/^https?:\/\//.test(source)) return fileOf(resolve(cwd, source));
  const response = await fetch(source, { signal, redirect: 'error' });
  if (!response.ok) {
    throw new CliError(`${source} answered ${response.status}.`, {
      code: 'failed',
      exit: EXIT_CODES.failed,
      hint: 'For a log of your own server leave the address out.',
    });
  }
  return fromWeb(response.body ?? new ReadableStream());
}

/** Opened before it is read, so that a file that is not there is told as such. */
function fileOf(path: string): Promise<NodeJS.ReadableStream> {
  const file = createReadStream(path);
  return new Promise((opened, failed) => {
    file.once('open', () => opened(file));
    file.once('error', failed);
  });
}

const fromWeb = (body: ReadableStream<Uint8Array>): Readable =>
  Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);
