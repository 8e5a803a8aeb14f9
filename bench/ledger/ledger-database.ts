import { MIGRATIONS } from '../../packages/server/src/compose/database.ts';
import { newId } from '../../packages/server/src/kernel/ids.ts';
import { prepareUsage } from '../../packages/server/src/modules/metering/index.ts';
import {
  type Client,
  Database,
  migrate,
  newClient,
  readMigrations,
} from '../../packages/server/src/platform/db/index.ts';
import { startDatabase } from '../product/database.ts';

/** A migrated database, the handle that the ledger works with, and its owner's connection to fill tables by. */
export type LedgerDatabase = AsyncDisposable & { system: Database; app: Database; owner: Client; cpuMs(): number };

export async function ledgerDatabase(dataDir: string): Promise<LedgerDatabase> {
  const server = await startDatabase(dataDir);
  const address = { connectionString: server.url };
  await migrate(address, await readMigrations(MIGRATIONS));
  const open = (role: string): Database =>
    new Database({
      address,
      role,
      isKeyed: role === 'assay_system',
      maxConnections: 16,
      applicationName: 'bench-ledger',
      constraints: {},
      statementTimeoutMs: 60_000,
      onConnectionError: () => {},
    });
  const [system, app] = [open('assay_system'), open('assay_app')];
  await system.statements({ orgId: null }, prepareUsage);
  const owner = newClient(address, 'bench-ledger-owner');
  await owner.connect();
  await owner.query('set role assay_system');
  return {
    system,
    app,
    owner,
    cpuMs: () => server.cpuMs(),
    async [Symbol.asyncDispose]() {
      await Promise.all([system[Symbol.asyncDispose](), app[Symbol.asyncDispose](), owner.end()]);
      await server[Symbol.asyncDispose]();
    },
  };
}

/** An organization with three nested budgets that are never used up; every call hits the first one. */
export async function anOrganization({
  owner,
}: LedgerDatabase): Promise<{ orgId: string; teamId: string; apiKeyId: string }> {
  const [orgId, teamId, apiKeyId] = [newId(), newId(), newId()];
  await owner.query('insert into organizations (id, name, slug) values ($1, $2, $3)', [orgId, 'Bench', orgId]);
  for (const [kind, id] of [
    ['organization', orgId],
    ['team', teamId],
    ['key', apiKeyId],
  ]) {
    await owner.query(
      `insert into budgets (org_id, id, name, scope_kind, scope_id, period, limit_micros, created_by)
       values ($1, $2, $3, $3, $4, 'month', 1000000000000000, 'bench')`,
      [orgId, newId(), kind, id],
    );
  }
  return { orgId, teamId, apiKeyId };
}
