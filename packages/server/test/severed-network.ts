import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { ServerAddress } from './test-server.ts';

/** A way to a database that can be cut as a broken network cuts it: nothing arrives, and nobody is told. */
export type SeveredNetwork = AsyncDisposable & {
  address: ServerAddress;
  /** From now on nothing passes, in either direction, nor is a new connection answered. */
  cut(): void;
  /** Connections from before stay dead; new ones pass. */
  mend(): void;
};

/** Puts a relay in front of a PostgreSQL server. */
export async function severedNetwork(to: ServerAddress): Promise<SeveredNetwork> {
  let isCut = false;
  const sockets = new Set<Socket>();
  const relay = createServer((near) => {
    sockets.add(near);
    near.on('error', () => {});
    if (isCut) return void near.pause();
    const isPath = to.host.startsWith('/');
    const far = isPath ? connect(join(to.host, `.s.PGSQL.${to.port}`)) : connect(to.port, to.host);
    sockets.add(far);
    far.on('error', () => near.destroy());
    near.pipe(far);
    far.pipe(near);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  return {
    address: { ...to, host: '127.0.0.1', port: (relay.address() as AddressInfo).port },
    cut() {
      isCut = true;
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    mend() {
      isCut = false;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      relay.close();
      await once(relay, 'close');
    },
  };
}
