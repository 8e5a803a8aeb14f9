import { join } from 'node:path';

/** What a client needs to connect. `host` is the directory of the Unix socket, as PostgreSQL drivers expect it. */
export type Connection = { host: string; port: number; user: string; password: string; database: string };

/** Names the socket; no port is opened. */
export const PORT = 5432;

/** The role that owns the database `assay`. It is no superuser, so row security holds for it. */
export const OWNER = 'assay';

/** The role that the cluster is made with, for backups. */
export const SUPERUSER = 'assay_superuser';

/** The database. */
export const DATABASE = 'assay';

/** Where PostgreSQL puts its socket in a directory. */
export function socketPath(host: string, port: number): string {
  return join(host, `.s.PGSQL.${port}`);
}
