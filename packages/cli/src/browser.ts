import { spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Environment } from './env.ts';

/** How to open a page here: BROWSER, else what the desktop has; null where nobody would see it. */
export async function findBrowser({ all: env }: Environment, platform = process.platform): Promise<string | null> {
  if (env['CI'] || env['SSH_CONNECTION'] || env['SSH_TTY']) return null;
  if (env['BROWSER']) return env['BROWSER'];
  if (platform === 'darwin') return findProgram('open', env);
  return env['DISPLAY'] || env['WAYLAND_DISPLAY'] ? findProgram('xdg-open', env) : null;
}

/** Opens a page without waiting for it; false when the program could not be started. */
export function openPage(browser: string, url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(browser, [url], { detached: true, stdio: 'ignore' });
    child.once('error', () => resolve(false));
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}

async function findProgram(name: string, env: Environment['all']): Promise<string | null> {
  for (const folder of (env['PATH'] ?? '').split(delimiter).filter(Boolean)) {
    const program = join(folder, name);
    const isThere = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return program;
  }
  return null;
}
