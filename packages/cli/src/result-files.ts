import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Assay, EvaluationRecord } from '@assay/sdk';
import type { Cli } from './cli.ts';

/** Brings the files that a run produced into a folder. Files that are there already are not overwritten. */
export async function saveResultFiles(assay: Assay, record: EvaluationRecord, folder: string, cli: Cli): Promise<void> {
  const root = resolve(cli.cwd, folder);
  for (const { path, asset_id, skipped } of record.files) {
    const target = resolve(root, path);
    if (asset_id === undefined) await cli.printer.note(`${path} was not brought back: ${skipped ?? 'it is missing'}`);
    else if (!target.startsWith(root + sep))
      await cli.printer.note(`${path} is left out: it would lie outside ${root}`);
    else {
      await download(assay, asset_id, { target, signal: cli.signal });
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
