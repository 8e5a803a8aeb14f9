import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { Passage, sizeText } from '../asset-file.ts';
import { assetFields } from '../asset-view.ts';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { seconds } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { Progress } from '../progress.ts';

type Options = { name?: string; type?: string; expires?: number; sha256?: string; idempotencyKey?: string };

const HELP = `
The file is sent as it is read, and what arrived is compared with what was sent.

  assay assets put report.pdf --type application/pdf --expires 30d
  tar c data | assay assets put - --name data.tar`;

export function define(command: Command, cli: Cli): void {
  command
    .argument('<file>', 'what is sent; - for standard input')
    .option('--name <name>', 'what it is called, instead of the name of the file')
    .option('--type <media type>', 'what it is: text/csv')
    .option('--expires <time>', 'have it deleted by itself after 30d, say', seconds)
    .option('--sha256 <hex>', 'what its SHA-256 must be; it is refused otherwise')
    .option('--idempotency-key <key>', 'make one asset, however often this is repeated with the same key')
    .addHelpText('after', HELP);
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action((file: string, options: Options) => put(file, options, cli));
}

async function put(file: string, options: Options, cli: Cli): Promise<void> {
  const { printer, signal } = cli;
  const size = file === '-' ? null : await sizeOf(resolve(cli.cwd, file), file);
  const filename = options.name ?? (file === '-' ? undefined : basename(file));
  const assay = await connect(cli);
  using progress = new Progress(printer, 'Sending', { plain: true });
  const passage = new Passage((bytes) => progress.tell(`Sending ${shareOf(bytes, size)}`));
  const open = (): Readable => createReadStream(resolve(cli.cwd, file));
  const content = file === '-' ? passage.streamOf(cli.stdin) : () => passage.streamOf(open());
  const { type, expires, sha256, idempotencyKey } = options;
  const said = { filename, media_type: type, expires_in_seconds: expires, sha256 };
  const asset = await assay.assets.upload(content, { ...said, signal, idempotencyKey });
  passage.assertIs(asset.sha256);
  progress[Symbol.dispose]();
  await printer.show({ document: { asset }, ids: [asset.id], human: assetFields(asset) });
}

async function sizeOf(path: string, file: string): Promise<number> {
  const found = await stat(path).catch((error: Error) => {
    throw usageError(`${file} cannot be read: ${error.message}.`, 'Give the path of a file that is there.', error);
  });
  if (!found.isFile()) throw usageError(`${file} is no file.`, 'Pack a folder first, with tar for example.');
  return found.size;
}

const shareOf = (bytes: number, size: number | null): string =>
  size === null ? sizeText(bytes) : `${sizeText(bytes)} of ${sizeText(size)}`;
