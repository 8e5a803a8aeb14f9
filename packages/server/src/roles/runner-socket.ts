import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { dirname } from 'node:path';

/**
 * Listens on a Unix socket that only this user can reach: where the built-in runner dials in. A socket file that an
 * earlier process left is replaced; the data directory's lock makes sure that none of ours still listens there.
 */
export async function listenOnSocket(path: string): Promise<{ server: Server } & AsyncDisposable> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rm(path, { force: true });
  const server = createServer((_request, response) => void response.writeHead(404).end());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return {
    server,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
