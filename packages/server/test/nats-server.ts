import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { scratchDirectory } from './scratch-directory.ts';

/**
 * A NATS server of a test's own, which can go away and come back at the same address. `scripts/setup-system.sh
 * --with-tests` installs it.
 */
export type NatsServer = AsyncDisposable & { readonly url: string; stop(): Promise<void>; start(): Promise<void> };

export async function natsServer(): Promise<NatsServer> {
  const folder = await scratchDirectory();
  const port = await freePort();
  let child: ChildProcess | null = null;
  const server: NatsServer = {
    url: `nats://127.0.0.1:${port}`,
    async start() {
      const args = ['--addr', '127.0.0.1', '--port', String(port), '--jetstream', '--store_dir', folder.path];
      child = spawn('nats-server', args, { stdio: ['ignore', 'ignore', 'pipe'] });
      for await (const text of child.stderr ?? []) if (String(text).includes('Server is ready')) break;
    },
    async stop() {
      if (!child) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      child = null;
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
  await server.start();
  return server;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
