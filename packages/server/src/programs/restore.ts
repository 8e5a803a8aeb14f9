import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadConfig } from '../config/config.ts';
import { restore, verifyBackup } from '../platform/backup/restore.ts';
import { dataDirFlag } from './backup.ts';
import type { Invocation } from './index.ts';

/** `restore FILE [--verify] [--force]`: fills the data directory from a backup, or only checks one. */
export async function restoreBackup({ args, env, cwd }: Invocation): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      verify: { type: 'boolean' },
      force: { type: 'boolean' },
      'data-dir': { type: 'string' },
      json: { type: 'boolean' },
    },
  });
  const [from, ...more] = positionals;
  if (from === undefined || more.length > 0) {
    process.stderr.write('Usage: assay restore FILE [--verify] [--force] [--data-dir DIR] [--json]\n');
    return 2;
  }
  const file = resolve(cwd, from);
  if (values.verify) {
    const summary = await verifyBackup(file);
    process.stdout.write(
      values.json
        ? `${JSON.stringify(summary)}\n`
        : `${file} is whole: ${summary.entries} entries, ${summary.bytes} bytes.\n`,
    );
    return 0;
  }
  const { dataDir } = loadConfig({ args: dataDirFlag(values['data-dir']), env, cwd });
  const receipt = await restore({ from: file, dataDir, force: values.force === true });
  process.stdout.write(
    values.json ? `${JSON.stringify(receipt)}\n` : `${dataDir} holds the backup now. Start Assay on it.\n`,
  );
  if (receipt.replaced !== undefined) process.stderr.write(`What was there before is in ${receipt.replaced}.\n`);
  return 0;
}
