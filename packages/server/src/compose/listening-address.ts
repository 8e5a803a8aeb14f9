import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Config } from '../config/config.ts';

/**
 * Tries the address that the API is going to listen on. A first start does so before it makes what is shown only once:
 * if it failed for the address after that, nobody would ever see it.
 * @throws Error that says what to do
 */
export const assertCanListen = ({ host, httpPort }: Pick<Config, 'host' | 'httpPort'>): Promise<void> =>
  assertFree(host, httpPort, 'ASSAY_HTTP_PORT');

/** @throws Error that names the setting by which to choose another port */
export async function assertFree(host: string, port: number, setting: string): Promise<void> {
  const server = createServer().listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `${host}:${port} cannot be listened on: ${reason}. Stop what uses it, or choose another with ${setting} or ASSAY_HOST.`,
      { cause: error },
    );
  } finally {
    server.close();
  }
}

/** The address under which this machine reaches what listens there. */
export const urlOf = (host: string, port: number): string => {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
};
