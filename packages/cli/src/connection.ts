import type { Assay } from '@assay/sdk';
import type { Cli } from './cli.ts';
import { type Credentials, findCredentials } from './credentials.ts';
import { version } from './version.ts';

/** A client, and what it was made from. */
export type Connection = { assay: Assay; credentials: Credentials };

/** A client for the server that is asked for. Loads the SDK, so only commands that call a server come here. */
export async function connect(cli: Cli): Promise<Assay> {
  return (await connectAs(cli)).assay;
}

/** The same, with where it leads and as whom. */
export async function connectAs(cli: Cli): Promise<Connection> {
  const credentials = await findCredentials(cli.environment);
  const { url, apiKey, login, organization, profile } = credentials;
  const key = login === null ? apiKey : await keepAlive(cli, { url, profile, secret: login });
  const assay = await clientOf(cli, {
    baseUrl: url,
    ...(key === null ? {} : { apiKey: key }),
    ...(organization === null ? {} : { organizationId: organization }),
  });
  return { assay, credentials };
}

/** A client that brings no credential, for signing in and out. */
export async function clientOf({ environment }: Cli, options: ConstructorParameters<typeof Assay>[0]): Promise<Assay> {
  const { Assay: Client } = await import('@assay/sdk');
  await useProxy(environment.all);
  return new Client({ ...options, userAgent: `assay-cli/${version()}` });
}

async function keepAlive(
  cli: Cli,
  of: ConstructorParameters<typeof import('./login-keeper.ts').LoginKeeper>[1],
): Promise<() => Promise<string>> {
  const { LoginKeeper } = await import('./login-keeper.ts');
  const keeper = new LoginKeeper(cli, of);
  return () => keeper.accessToken();
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
