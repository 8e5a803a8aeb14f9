import { resolve, sep } from 'node:path';
import type { Assay, EvaluationRecord } from '@assay/sdk';
import { Passage, saveDownload } from './asset-file.ts';
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
      const download = await assay.assets.download(asset_id, { signal: cli.signal });
      await saveDownload(download, { target, replace: false, passage: new Passage(() => {}) });
      await cli.printer.note(`saved ${target}`);
    }
  }
}
