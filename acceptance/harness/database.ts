import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Server } from './server.ts';

/**
 * Runs SQL as the operator of the installation can: over the socket in the data directory, as the owner of the tables.
 * Row security holds for that role too, so it takes on the one that sees every organization.
 */
export async function inDatabase<Result>(
  { dataDir }: Pick<Server, 'dataDir'>,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = new Client({
    host: await realpath(join(dataDir, 'run')),
    user: 'assay',
    database: 'assay',
    password: await passwordOf(dataDir, 'assay'),
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The password of a role, as the password file of the data directory says it. */
export async function passwordOf(dataDir: string, role: string): Promise<string> {
  const file = await readFile(join(dataDir, 'postgres.pgpass'), 'utf8');
  const line = file.split('\n').find((text) => text.split(':')[3] === role);
  if (line === undefined) throw new Error(`There is no password of ${role} in the password file.`);
  return line.split(':').slice(4).join(':');
}

/** Where another process finds the database of an installation. */
export async function databaseUrlOf({ dataDir }: Pick<Server, 'dataDir'>): Promise<string> {
  const [password, host] = [await passwordOf(dataDir, 'assay'), await realpath(join(dataDir, 'run'))];
  return `postgresql://assay:${password}@localhost/assay?host=${encodeURIComponent(host)}`;
}
