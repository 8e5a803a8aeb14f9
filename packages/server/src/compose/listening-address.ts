import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Config } from '../config/config.ts';

/**
 * Tries the address that the API is going to listen on. A first start does so before it makes what is shown only once:
 * if it failed for the address after that, nobody would ever see it.
 * @throws Error that says what to do
 */
export async function assertCanListen({ host, httpPort }: Pick<Config, 'host' | 'httpPort'>): Promise<void> {
  const server = createServer().listen(httpPort, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `${host}:${httpPort} cannot be listened on: ${reason}. Stop what uses it, or choose another with ASSAY_HTTP_PORT or ASSAY_HOST.`,
      { cause: error },
    );
  } finally {
    server.close();
  }
}
