import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import type { Assay, EvaluationRecord } from '@assay/sdk';
import type { Cli } from './cli.ts';
import { CliError } from './cli-error.ts';

/** Brings the files that a run produced into a folder. Files that are there already are not overwritten. */
export async function saveResultFiles(assay: Assay, record: EvaluationRecord, folder: string, cli: Cli): Promise<void> {
  const root = resolve(cli.cwd, folder);
  for (const { path, asset_id, skipped } of record.files) {
    const target = resolve(root, path);
    if (asset_id === undefined) await cli.printer.note(`${path} was not brought back: ${skipped ?? 'it is missing'}`);
    else if (!target.startsWith(root + sep))
      await cli.printer.note(`${path} is left out: it would lie outside ${root}`);
    else {
      await download(assay, asset_id, { target, signal: cli.signal }).catch((error: NodeJS.ErrnoException) => {
        throw error.code === 'EEXIST' ? isThere(target, error) : error;
      });
      await cli.printer.note(`saved ${target}`);
    }
  }
}

async function download(assay: Assay, id: string, to: { target: string; signal: AbortSignal }): Promise<void> {
  const { body } = await assay.request(
    { method: 'GET', path: '/v1/assets/{id}', params: { id }, headers: { accept: '*/*' } },
    { signal: to.signal },
  );
  await mkdir(dirname(to.target), { recursive: true });
  await pipeline(Readable.from(body ?? []), createWriteStream(to.target, { flags: 'wx' }));
}

const isThere = (target: string, cause: Error): CliError =>
  new CliError(`${target} is there already, and is not overwritten.`, {
    code: 'file_exists',
    exit: EXIT_CODES.conflict,
    hint: 'Move it away, or save to another folder.',
    cause,
  });
