import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, inject } from 'vitest';
import { newId } from '../src/kernel/ids.ts';
import { tenancyConstraints } from '../src/modules/tenancy/index.ts';
import { type Client, Database, type DatabaseAddress, newClient } from '../src/platform/db/index.ts';

/** A migrated database of one test file's own, with both handles and the owner's connection. */
export type TestDatabase = {
  readonly address: DatabaseAddress;
  /** In the role of requests: sees one organization at a time. */
  readonly app: Database;
  /** In the role of background work: sees all. */
  readonly system: Database;
  /** As the owner of the tables, outside row security's two roles: for looking at what is really there as `system` would. */
  readonly owner: Client;
  /** Makes an organization, and gives its id. */
  organization(): Promise<string>;
};

/** Gives each test file a database cloned from the template; each test makes an organization of its own in it. */
export function testDatabase(): TestDatabase {
  const server = inject('server');
  const database = `test_${randomBytes(6).toString('hex')}`;
  const address = { ...server, database };
  const open = (role: string | null): Database =>
    new Database({
      address,
      role,
      maxConnections: 8,
      applicationName: 'assay-test',
      constraints: tenancyConstraints,
      statementTimeoutMs: 10_000,
      onConnectionError: () => {},
    });
  const app = open('assay_app');
  const system = open('assay_system');
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
