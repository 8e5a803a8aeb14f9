import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { RELEASE } from '../compose/release.ts';
import { loadConfig } from '../config/config.ts';
import { backup } from '../platform/backup/backup.ts';
import { createLog } from '../platform/log.ts';
import type { Invocation } from './index.ts';

/** `backup FILE [--files-only]`: one file with the database and everything else in the data directory. */
export async function backUp({ args, env, cwd }: Invocation): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { 'files-only': { type: 'boolean' }, 'data-dir': { type: 'string' }, json: { type: 'boolean' } },
  });
  const [out, ...more] = positionals;
  if (out === undefined || more.length > 0) {
    process.stderr.write('Usage: assay backup FILE [--files-only] [--data-dir DIR] [--json]\n');
    return 2;
  }
  const config = loadConfig({ args: dataDirFlag(values['data-dir']), env, cwd });
  const receipt = await backup({
    dataDir: config.dataDir,
    out: resolve(cwd, out),
    release: RELEASE,
    log: createLog({ level: 'warn', format: 'pretty' }),
    database: config.databaseUrl === null ? 'embedded' : 'external',
    filesOnly: values['files-only'] === true,
  });
  if (values.json) process.stdout.write(`${JSON.stringify(receipt)}\n`);
  else process.stdout.write(`${receipt.file}: ${receipt.bytes} bytes, sha256 ${receipt.sha256}\n`);
  process.stderr.write(`${receipt.notice}\n`);
  return 0;
}

export const dataDirFlag = (dataDir: string | undefined): string[] =>
  dataDir === undefined ? [] : ['--data-dir', dataDir];
