import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { createServer } from 'node:net';

/** Where the hostile programs look for what they must not reach. */
const CANARY_DIRECTORY = '/tmp/assay-canary';
const CANARY_VARIABLE = 'parent-secret';
export const CANARY_SECRET = 'canary-secret-bytes';

/** What the hostile programs try to reach: a private file, two sockets, a port, a variable, a process. */
export type HostileGround = AsyncDisposable & { port: number; bystander: number; hits(): number };

/** Plants the canaries. */
export async function openHostileGround(): Promise<HostileGround> {
  await using resources = new AsyncDisposableStack();
  rmSync(CANARY_DIRECTORY, { recursive: true, force: true });
  mkdirSync(CANARY_DIRECTORY, { recursive: true });
  resources.defer(() => rmSync(CANARY_DIRECTORY, { recursive: true, force: true }));
  writeFileSync(`${CANARY_DIRECTORY}/rootonly`, CANARY_SECRET, { mode: 0o600 });
  process.env['ASSAY_CANARY'] = CANARY_VARIABLE;
  resources.defer(() => void delete process.env['ASSAY_CANARY']);
  let hits = 0;
  const listen = async (...where: [path: string] | [port: number, host: string]): Promise<Server> => {
    const server = createServer((connection) => {
      hits += 1;
      connection.destroy();
    });
    server.listen(...(where as [string]));
    await once(server, 'listening');
    resources.defer(() => void server.close());
    return server;
  };
  await listen(`${CANARY_DIRECTORY}/canary.sock`);
  await listen('\0assay-canary');
  const tcp = (await listen(0, '127.0.0.1')).address();
  const bystander = spawn('/bin/sleep', ['600'], { env: { ASSAY_CANARY: CANARY_VARIABLE }, stdio: 'ignore' });
  resources.defer(() => void bystander.kill('SIGKILL'));
  const moved = resources.move();
  return {
    port: typeof tcp === 'object' && tcp ? tcp.port : 0,
    bystander: bystander.pid ?? 0,
    hits: () => hits,
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

/** A hostile program's text. A Python program takes the given name, which what it starts inherits, and stays a moment. */
export function hostile(file: string, name?: string): string {
  const text = readFileSync(new URL(`./hostile/${file}`, import.meta.url), 'utf8');
  if (name === undefined) return text;
  // PR_SET_NAME: not every sandbox has a /proc to write to.
  return `import ctypes; ctypes.CDLL(None).prctl(15, b'${name}')\n${text}\nimport time; time.sleep(0.2)`;
}

/** Processes of this name, with zombies left out: hostile programs give themselves one that nothing else has. */
export function processesNamed(name: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return stat.includes(`(${name})`) && stat[stat.lastIndexOf(')') + 2] !== 'Z';
    } catch {
      return false;
    }
  });
}

/** The machine's mounts, as one text. */
export function mounts(): string {
  return readFileSync('/proc/self/mountinfo', 'utf8');
}
