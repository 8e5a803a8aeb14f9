import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { plainEnvironment, type Server } from './server.ts';

const PROGRAM = fileURLToPath(new URL('../../packages/cli/bin/assay.mjs', import.meta.url));

export type Ran = { exit: number | null; stdout: string; stderr: string };

/** Runs the command line as a user does; with a server, as somebody who holds a key of it. */
export async function assay(args: readonly string[], at?: { server: Server; apiKey: string }): Promise<Ran> {
  const env = {
    ...plainEnvironment(),
    ...(at && { ASSAY_URL: at.server.url, ASSAY_API_KEY: at.apiKey }),
  };
  const child = spawn(process.execPath, [PROGRAM, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ran: Ran = { exit: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    ran.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    ran.stderr += text;
  });
  [ran.exit] = (await once(child, 'close')) as [number | null];
  return ran;
}
