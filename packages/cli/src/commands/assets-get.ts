import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { AssetDownload } from '@assay/sdk';
import type { Command } from 'commander';
import { isThere, Passage, safeName, saveDownload, sizeText } from '../asset-file.ts';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { Progress } from '../progress.ts';
import { text } from '../view.ts';

type Options = { output?: string; force?: boolean };

const HELP = `
Without --output it is saved in this folder, under its own name. What arrived is compared with its SHA-256 before it gets its
name; a connection that breaks is made again, and goes on where it broke. With --output - it ends with 10 when it is not what
it should be: do not use it then.`;

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'the asset')
    .option('-o, --output <file>', 'where it is saved; - for standard output')
    .option('-f, --force', 'replace a file that is there')
    .addHelpText('after', HELP);
  addOutputOptions(command, { quiet: 'print the path only' });
  command.action((id: string, options: Options) => get(id, options, cli));
}

async function get(id: string, { output, force = false }: Options, cli: Cli): Promise<void> {
  const { printer, signal } = cli;
  if (output === '-' && printer.format !== 'human')
    throw usageError('Standard output can be the file or the document, not both.');
  const assay = await connect(cli);
  const download = await assay.assets.download(id, { signal });
  const { filename, size_bytes, sha256 } = download;
  using progress = new Progress(printer, 'Receiving', { plain: true });
  const passage = new Passage((bytes) => progress.tell(`Receiving ${sizeText(bytes)} of ${sizeText(size_bytes)}`));
  if (output === '-') return toStandardOutput(download, { passage, progress, cli });
  const target = resolve(cli.cwd, output ?? safeName(filename, id));
  if (!force && (await isTaken(target))) throw isThere(target);
  await saveDownload(download, { target, replace: force, passage });
  progress[Symbol.dispose]();
  await printer.show({
    document: { asset: { id, filename, size_bytes, sha256 }, path: target },
    ids: [target],
    human: text(`${target}\n`),
  });
}

async function toStandardOutput(
  { content, sha256 }: AssetDownload,
  { passage, progress, cli: { printer } }: { passage: Passage; progress: Progress; cli: Cli },
): Promise<void> {
  // What is drawn beside it would be in the middle of it.
  if (printer.isTerminal) progress[Symbol.dispose]();
  for await (const chunk of passage.of(content)) await printer.bytes(chunk);
  passage.assertIs(sha256);
}

const isTaken = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
