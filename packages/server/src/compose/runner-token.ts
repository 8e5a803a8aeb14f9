import { randomBytes } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { Sensitive } from '../kernel/sensitive.ts';

/** The secret by which runners are known, and the file that hands it to the built-in one. */
export type RunnerToken = { value: Sensitive<string>; file: string };

/** Takes the configured token, else the one of an earlier start, else a new one; the file of mode 0600 holds it. */
export async function runnerToken(config: Config): Promise<RunnerToken> {
  const file = join(config.dataDir, 'runner-token');
  const earlier = await readFile(file, 'utf8').then(
    (text) => text.trim(),
    () => '',
  );
  const value =
    config.runnerToken?.reveal() ?? (earlier !== '' ? earlier : `rn_${randomBytes(32).toString('base64url')}`);
  if (value !== earlier) {
    await writeFile(file, `${value}\n`, { mode: 0o600 });
    await chmod(file, 0o600);
  }
  return { value: new Sensitive(value), file };
}
