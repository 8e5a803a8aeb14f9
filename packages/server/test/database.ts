import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, inject } from 'vitest';
import { CONSTRAINTS } from '../src/compose/constraints.ts';
import { newId } from '../src/kernel/ids.ts';
import { type Client, Database, newClient } from '../src/platform/db/index.ts';
import type { ServerAddress } from './test-server.ts';

/** A migrated database of one test file's own, with both handles and the owner's connection. */
export type TestDatabase = {
  readonly address: ServerAddress;
  readonly name: string;
  /** In the role of requests: sees one organization at a time. */
  readonly app: Database;
  /** In the role of background work: sees all. */
  readonly system: Database;
  /** As the owner of the tables, outside row security's two roles: for looking at what is really there as `system` would. */
  readonly owner: Client;
  /** Another pool on it, for tests that need one of their own. The test disposes it. */
  open(options: OpenOptions): Database;
  /** Makes an organization, and gives its id. */
  organization(): Promise<string>;
};

export type OpenOptions = {
  role: string | null;
  statementTimeoutMs?: number;
  maxWaiting?: number;
  /** What is other than in the address of the database. */
  at?: Partial<ServerAddress>;
};

/** Gives each test file a database cloned from the template; each test makes an organization of its own in it. */
export function testDatabase(): TestDatabase {
  const server = inject('server');
  const database = `test_${randomBytes(6).toString('hex')}`;
  const address = { ...server, database };
  const open = ({ role, statementTimeoutMs = 10_000, at = {}, ...bounds }: OpenOptions): Database =>
    new Database({
      address: { ...address, ...at },
      role,
      isKeyed: role === 'assay_system',
      ...bounds,
      maxConnections: 8,
      applicationName: 'assay-test',
      constraints: CONSTRAINTS,
      statementTimeoutMs,
      onConnectionError: () => {},
    });
  const app = open({ role: 'assay_app' });
  const system = open({ role: 'assay_system' });
  const owner = newClient(address, 'assay-test-owner');
  beforeAll(async () => {
    const admin = newClient(server, 'assay-test-admin');
    await admin.connect();
    await admin.query(`create database ${database} template template_assay strategy wal_log`);
    await admin.end();
    owner.on('error', () => {});
    await owner.connect();
    await owner.query('set role assay_system');
  });
  afterAll(async () => {
    await Promise.all([app[Symbol.asyncDispose](), system[Symbol.asyncDispose](), owner.end()]);
  });
  return {
    address,
    name: database,
    open,
    app,
    system,
    owner,
    async organization() {
      const id = newId();
      await owner.query('insert into organizations (id, name, slug) values ($1, $2, $3)', [id, 'Test', `test-${id}`]);
      return id;
    },
  };
}
