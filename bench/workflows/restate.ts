import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { until } from '../measure/until.ts';
import { type ChildProgram, startChild } from '../product/child-program.ts';
import { several, type Walker } from './walker.ts';

const PROGRAM = fileURLToPath(
  new URL('../node_modules/@restatedev/restate-server-linux-x64/bin/restate-server', import.meta.url),
);

/** Restate's server as its package brings it, with its data in a directory, and a service behind it. */
export type RunningRestate = AsyncDisposable & { walk: Walker; pid: number };

export async function startRestate(directory: string): Promise<RunningRestate> {
  const [ingress, admin, node] = await Promise.all([freePort(), freePort(), freePort()]);
  const child = spawn(PROGRAM, ['--no-logo', '--listen-mode', 'tcp', '--base-dir', directory], {
    env: {
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
      RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
      RESTATE_LOG_FILTER: 'error',
      DO_NOT_TRACK: '1',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const service: ChildProgram<{ port: number }> = await startChild(new URL('restate-peer.ts', import.meta.url), {});
  const post = async (port: number, path: string, body: unknown): Promise<boolean> => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    await answer.text();
    return answer.ok;
  };
  await until('Restate knows the service', () =>
    post(admin, '/deployments', { uri: `http://127.0.0.1:${service.ready.port}` }).catch(() => false),
  );
  const call = async (handler: string, steps: number): Promise<void> => {
    if (!(await post(ingress, `/steps/${handler}`, steps))) throw new Error(`Restate did not do ${handler}.`);
  };
  return {
    pid: child.pid ?? 0,
    walk: (walk) =>
      walk.what === 'fan-out' ? call('fanOut', walk.steps) : several(walk.runs, () => call('chain', walk.steps)),
    async [Symbol.asyncDispose]() {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
      await service[Symbol.asyncDispose]();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
