import type { Assay } from '@assay/sdk';
import type { Cli } from './cli.ts';
import { findCredentials } from './credentials.ts';

/** A client for the server that the environment names. Loads the SDK, so only commands that call a server come here. */
export async function connect({ environment }: Cli): Promise<Assay> {
  const [{ Assay: Client }, { url, apiKey }] = await Promise.all([import('@assay/sdk'), findCredentials(environment)]);
  await useProxy(environment.all);
  return new Client({ baseUrl: url, ...(apiKey === null ? {} : { apiKey }) });
}

/** A server on this machine is reached without the proxy, which could not find it and would see the key. */
async function useProxy(env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const names = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'];
  const proxies = Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
  if (Object.keys(proxies).length === 0) return;
  const { setGlobalProxyFromEnv } = await import('node:http');
  const direct = [env['no_proxy'] ?? env['NO_PROXY'], 'localhost', '127.0.0.1', '[::1]'].filter(Boolean).join(',');
  setGlobalProxyFromEnv({ ...proxies, no_proxy: direct });
}
