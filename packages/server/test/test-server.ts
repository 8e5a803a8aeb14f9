import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, inject } from 'vitest';
import { type Client, type DatabaseAddress, newClient } from '../src/platform/db/index.ts';

export type ServerAddress = Exclude<DatabaseAddress, { connectionString: string }>;

/** The PostgreSQL that all database tests share, as the user whom its databases belong to: for what their roles may not do. */
export type TestServer = {
  readonly admin: Client;
  /** An empty database of the test's own: nothing is migrated. */
  emptyDatabase(owner?: string): Promise<ServerAddress>;
  /** A migrated database of the test's own. */
  migratedDatabase(): Promise<ServerAddress>;
  /** Process ids of the connections to a database that are running a statement with this text in it now. */
  running(database: string, text: string): Promise<number[]>;
  /** Whether a server process still serves somebody. */
  isConnected(pid: number): Promise<boolean>;
  /** Ends connections from the server's side, as an operator or a crash would. */
  terminate(...pids: number[]): Promise<void>;
};

/** Connects to the test server for the length of one test file. */
export function testServer(): TestServer {
  const server = inject('server');
  const admin = newClient(server, 'assay-test-admin');
  admin.on('error', () => {});
  beforeAll(async () => {
    await admin.connect();
  });
  afterAll(() => admin.end());
  const create = async (owner: string, template: string): Promise<ServerAddress> => {
    const database = `own_${randomBytes(6).toString('hex')}`;
    await admin.query(`create database ${database} owner "${owner}" template ${template} strategy wal_log`);
    return { ...server, database };
  };
  return {
    admin,
    emptyDatabase: (owner = server.user) => create(owner, 'template0'),
    migratedDatabase: () => create(server.user, 'template_assay'),
    async running(database, text) {
      const { rows } = await admin.query<{ pid: number }>(
        `select pid from pg_stat_activity where datname = $1 and state = 'active' and position($2 in query) > 0`,
        [database, text],
      );
      return rows.map(({ pid }) => pid);
    },
    async isConnected(pid) {
      const { rows } = await admin.query('select 1 from pg_stat_activity where pid = $1', [pid]);
      return rows.length > 0;
    },
    async terminate(...pids) {
      await admin.query('select pg_terminate_backend(pid) from unnest($1::integer[]) as pid', [pids]);
    },
  };
}
