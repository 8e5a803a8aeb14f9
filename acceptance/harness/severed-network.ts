import { once } from 'node:events';
import { realpath } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { passwordOf } from './database.ts';
import type { Server } from './server.ts';

/** A way to the database of a server that can be cut as a broken network cuts it: nothing arrives, and nobody is told. */
export type SeveredNetwork = AsyncDisposable & {
  /** For `DATABASE_URL`. */
  url: string;
  /** From now on nothing passes, in either direction, nor is a new connection answered. */
  cut(): void;
  /** From now on every connection is closed, as of a database that does not run. */
  refuse(): void;
  /** How many connections were refused. */
  readonly refused: number;
  /** Connections from before stay dead; new ones pass. */
  mend(): void;
};

/** Puts a relay in front of a server's own database. */
export async function severedNetwork({ dataDir }: Pick<Server, 'dataDir'>): Promise<SeveredNetwork> {
  const socketPath = join(await realpath(join(dataDir, 'run')), '.s.PGSQL.5432');
  let isCut = false;
  let isRefused = false;
  let refused = 0;
  const sockets = new Set<Socket>();
  const relay = createServer((near) => {
    sockets.add(near);
    near.on('error', () => {});
    if (isCut) return void near.pause();
    if (isRefused) {
      refused += 1;
      return void near.destroy();
    }
    const far = connect(socketPath);
    sockets.add(far);
    far.on('error', () => near.destroy());
    near.pipe(far);
    far.pipe(near);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const { port } = relay.address() as AddressInfo;
  return {
    url: `postgresql://assay:${encodeURIComponent(await passwordOf(dataDir, 'assay'))}@127.0.0.1:${port}/assay`,
    cut() {
      isCut = true;
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    refuse() {
      isRefused = true;
      for (const socket of sockets) socket.destroy();
    },
    get refused() {
      return refused;
    },
    mend() {
      isCut = false;
      isRefused = false;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      relay.close();
      await once(relay, 'close');
    },
  };
}
