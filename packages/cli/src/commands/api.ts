import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { Argument, type Command } from 'commander';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { header, pair } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

type Options = {
  data?: string;
  query?: Record<string, string>;
  header?: Record<string, string>;
  idempotencyKey?: string;
};

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

const HELP = `
The body of the answer goes to standard output as it comes, streams too.

  assay api GET /v1/me
  assay api POST /api/eval -d '{"code": "print(1)"}'
  assay api GET /v1/events/stream -H 'Accept: text/event-stream'`;

export function define(command: Command, cli: Cli): void {
  command
    .addArgument(new Argument('<method>', METHODS.join(', ')).argParser((value) => value.toUpperCase()))
    .argument('<path>', 'path at the server, from its first /')
    .option('-d, --data <json>', 'body: JSON, @FILE, or - for standard input')
    .option('--query <name=value>', 'a parameter; may be repeated', pair)
    .option('-H, --header <header>', 'a header, "Name: value"; may be repeated', header)
    .option('--idempotency-key <key>', 'have the effect once, however often this is repeated with the same key')
    .addHelpText('after', HELP);
  addOutputOptions(command);
  command.action((method: string, path: string, options: Options) => send({ method, path }, options, cli));
}

async function send(to: { method: string; path: string }, options: Options, cli: Cli): Promise<void> {
  if (!METHODS.includes(to.method))
    throw usageError(`There is no method ${to.method}.`, `Use one of ${METHODS.join(', ')}.`);
  // A full address would carry the key to wherever it leads.
  if (!/^\/(?!\/)/.test(to.path))
    throw usageError('The path must start with one /.', 'Set ASSAY_URL to choose the server.');
  const body = options.data === undefined ? undefined : await readBody(options.data, cli);
  const assay = await connect(cli);
  const response = await assay.request(
    { ...to, body, query: options.query, headers: { accept: '*/*', ...options.header } },
    { signal: cli.signal, idempotencyKey: options.idempotencyKey },
  );
  if (cli.printer.format === 'json') {
    return cli.printer.show({ document: parse(await response.text(), 'The answer'), human: text('') });
  }
  for await (const chunk of response.body ?? []) await cli.printer.bytes(chunk);
}

async function readBody(data: string, { stdin, cwd }: Cli): Promise<unknown> {
  if (data === '-') return parse(await textOf(stdin), 'Standard input');
  if (!data.startsWith('@')) return parse(data, 'The body');
  const file = resolve(cwd, data.slice(1));
  return parse(
    await readFile(file, 'utf8').catch((error: Error) => {
      throw usageError(`${file} cannot be read: ${error.message}.`, undefined, error);
    }),
    file,
  );
}

function parse(content: string, what: string): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    throw usageError(
      `${what} is not JSON: ${error instanceof Error ? error.message : String(error)}.`,
      undefined,
      error,
    );
  }
}
