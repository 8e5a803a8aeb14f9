import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type Assay, ConflictError } from '@assay/sdk';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

type Options = { file: string; description?: string; newline?: boolean };
type Value = { value: string; encoding: 'text' | 'base64' };

export function define(command: Command, cli: Cli): void {
  command
    .argument('<name>', 'its name: lower-case letters, digits, ., _ and -')
    // Never an argument: those are seen by everybody on the machine, and kept in the history of the shell.
    .option('--file <file>', 'what holds its value; - is standard input', '-')
    .option('--description <text>', 'what it is for')
    .option('--newline', 'keep a line end at the end of the value');
  addOutputOptions(command, { quiet: 'print the name only' });
  command.action(async (name: string, options: Options) => {
    const bytes = options.file === '-' ? await buffer(cli.stdin) : await readFile(resolve(cli.cwd, options.file));
    const description = options.description === undefined ? {} : { description: options.description };
    const secret = await keep(await connect(cli), { name, ...readValue(bytes, options), ...description }, cli.signal);
    await cli.printer.show({
      document: { secret },
      ids: [secret.name],
      human: text(`Kept ${secret.name}, version ${secret.version}.\n`),
    });
  });
}

async function keep(assay: Assay, secret: Value & { name: string; description?: string }, signal: AbortSignal) {
  const { name, ...rest } = secret;
  try {
    return await assay.secrets.create(secret, { signal });
  } catch (error) {
    if (!(error instanceof ConflictError) || error.code !== 'name_taken') throw error;
    return assay.secrets.replace(name, rest, { signal });
  }
}

/** Text where the bytes are that, without the line end that editors and `echo` put behind it; else base64. */
function readValue(bytes: Buffer, { newline }: Options): Value {
  const said = bytes.toString('utf8');
  if (!Buffer.from(said).equals(bytes)) return { value: bytes.toString('base64'), encoding: 'base64' };
  return { value: newline ? said : said.replace(/\r?\n$/, ''), encoding: 'text' };
}
