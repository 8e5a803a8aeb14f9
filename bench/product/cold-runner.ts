import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { untilOffered } from './queue.ts';
import type { RunningAssay } from './running-assay.ts';

const PROGRAM = fileURLToPath(new URL('../../packages/runner/src/main.ts', import.meta.url));

/** Set as `ASSAY_RUNNER_TOKEN` of the server that it dials. */
export const COLD_RUNNER_TOKEN = `rn_${'bench'.repeat(8)}`;

/**
 * The runner program as on another machine, with nothing started ahead: every sandbox is made when its program comes.
 * Disposing it ends it.
 */
export async function startColdRunner({ url, caller }: RunningAssay, directory: string): Promise<AsyncDisposable> {
  await mkdir(directory, { recursive: true, mode: 0o711 });
  const tokenFile = join(directory, 'token');
  await writeFile(tokenFile, COLD_RUNNER_TOKEN, { mode: 0o600 });
  const args = ['--connect', url, '--token-file', tokenFile, '--state-dir', directory, '--warm', '0'];
  const child = spawn(process.execPath, [PROGRAM, ...args, '--exit-with-parent'], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  await untilOffered(caller, 'python');
  return {
    async [Symbol.asyncDispose]() {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}
