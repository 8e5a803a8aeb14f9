import { startEmbeddedPostgres } from '../../packages/server/src/platform/embedded-postgres/embedded-postgres.ts';
import { createLog } from '../../packages/server/src/platform/log.ts';
import { processTree, treeMs } from '../measure/proc-stat.ts';

/** The embedded PostgreSQL of the product, for the product and its peers alike. */
export type BenchDatabase = AsyncDisposable & {
  /** For the processes that are measured. */
  url: string;
  /** CPU time that it has used since it began, milliseconds. */
  cpuMs(): number;
};

/** Starts it in a directory, as the product does, and keeps it running until it is disposed. */
export async function startDatabase(dataDir: string): Promise<BenchDatabase> {
  const server = await startEmbeddedPostgres({ dataDir, log: createLog({ level: 'warn', format: 'json' }) });
  const { host, port, user, password, database } = server.connection;
  const where = new URLSearchParams({ host, port: String(port) });
  return {
    url: `postgres://${user}:${encodeURIComponent(password)}@localhost/${database}?${where}`,
    cpuMs: () => treeMs(processTree(server.pid)),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
