import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditCheckpoint, AuditEntry, AuditKey } from '@assay/contract';
import type { Client as Connection } from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { assay } from './harness/command-line.ts';
import { inDatabase } from './harness/database.ts';
import { Server } from './harness/server.ts';
import { addTenant } from './harness/tenant.ts';
import { until } from './harness/until.ts';

/*
 * The log beside somebody who owns the database and may change every row of it. Each test has an organization, and with
 * it a log, of its own. What a reader holds is what a careful one holds: a public key, and checkpoints from before.
 */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
const folder = await mkdtemp(join(tmpdir(), 'assay-audit-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

type Log = { orgId: string; apiKey: string; keyFile: string; name: string };
let logs = 0;

/** An organization with a log of so many entries. */
async function aLog(entries: number): Promise<Log> {
  logs += 1;
  const name = `log${logs}`;
  const { orgId, apiKey } = await addTenant(server, name);
  const log = { orgId, apiKey, name, keyFile: join(folder, `${name}.key`) };
  await act(log, entries);
  const { body } = await server.as(apiKey).get('/v1/audit-logs/keys');
  const [key] = (body as { data: { keys: AuditKey[] } }).data.keys.slice(-1);
  await writeFile(log.keyFile, `${key?.verifier}\n`);
  return log;
}

/** Acts until the log has so many entries, all signed. */
async function act({ apiKey }: Log, entries: number): Promise<void> {
  const client = server.as(apiKey);
  for (let has = await sizeOf(apiKey); has < entries; has++) {
    expect((await client.post('/v1/api-keys', { name: `Key ${has}`, scopes: [] })).status).toBe(201);
  }
  await until('the log has its entries', async () => (await sizeOf(apiKey)) >= entries, 5_000);
}

async function checkpointOf(apiKey: string): Promise<AuditCheckpoint> {
  const { body } = await server.as(apiKey).get('/v1/audit-logs/checkpoint');
  return (body as { data: { checkpoint: AuditCheckpoint } }).data.checkpoint;
}
const sizeOf = async (apiKey: string): Promise<number> => (await checkpointOf(apiKey)).size;

/** Keeps the newest checkpoint in a file, by the command line. */
async function keepCheckpoint({ apiKey, name }: Log): Promise<string> {
  const file = join(folder, `${name}-${await sizeOf(apiKey)}.checkpoint`);
  await writeFile(file, (await assay(['audit', 'checkpoint'], { server, apiKey })).stdout);
  return file;
}

type Found = {
  exit: number | null;
  integrity: { verdict: string; faults: { index: number | null; message: string }[] };
  completeness: Found['integrity'];
};

/** Exports the log to a file and verifies that without the server. */
async function verify({ apiKey, name, keyFile }: Log, more: readonly string[] = []): Promise<Found> {
  const file = join(folder, `${name}.ndjson`);
  expect((await assay(['audit', 'export', '-o', file], { server, apiKey })).exit).toBe(0);
  const { exit, stdout, stderr } = await assay(['audit', 'verify', file, '--key', keyFile, '--json', ...more]);
  expect(stdout, stderr).not.toBe('');
  return { ...(JSON.parse(stdout) as Found), exit };
}

/** As the owner of the tables, for whom row security is a setting to switch off. */
const asOwner = (work: (connection: Connection) => Promise<unknown>): Promise<unknown> =>
  inDatabase(server, async (connection) => {
    for (const table of ['audit_entries', 'audit_trees', 'audit_tiles'])
      await connection.query(`alter table ${table} disable row level security`);
    await work(connection);
    for (const table of ['audit_entries', 'audit_trees', 'audit_tiles'])
      await connection.query(`alter table ${table} enable row level security`);
  });

const indexes = ({ faults }: Found['integrity']): (number | null)[] => faults.map(({ index }) => index);

test('a log that nobody touched holds, alone and beside what was kept of it', async () => {
  const log = await aLog(4);
  const kept = await keepCheckpoint(log);
  await act(log, 9);
  const found = await verify(log, ['--checkpoint', kept]);
  expect(found).toMatchObject({ exit: 0, integrity: { verdict: 'holds' }, completeness: { verdict: 'holds' } });
});

test('every act is in the log within a second, with who did it, from where and through which door', async () => {
  const log = await aLog(1);
  const made = await assay(['keys', 'create', 'From a terminal', '--scope', 'events:read', '--json'], {
    server,
    ...log,
  });
  const { api_key } = JSON.parse(made.stdout) as { api_key: { id: string } };
  const find = async (): Promise<AuditEntry | undefined> => {
    const { body } = await server.as(log.apiKey).get(`/v1/audit-logs?filter=target_id=${api_key.id}`);
    return (body as { data: { audit_logs: AuditEntry[] } }).data.audit_logs.find(({ org_id }) => org_id === log.orgId);
  };
  const entry = await until('it is in the log', find, 1_500);
  expect(entry).toMatchObject({
    event_type: 'apikey.created',
    category: 'audit',
    outcome: 'allowed',
    principal: { kind: 'api_key' },
    user_id: 'system',
    credential: 'api_key',
    via: 'cli',
    target: { type: 'api_key', id: api_key.id },
    personal: { address: '127.0.0.1' },
  });
});

test('what is refused is in the log as a decision', async () => {
  const log = await aLog(1);
  const { body } = await server.as(log.apiKey).post('/v1/api-keys', { name: 'Weak', scopes: ['events:read'] });
  const weak = (body as { data: { raw_key: string } }).data.raw_key;
  expect((await server.as(weak).post('/v1/api-keys', { name: 'More' })).status).toBe(403);
  const refused = async () => {
    const answer = await server.as(log.apiKey).get(`/v1/organizations/${log.orgId}/audit-logs?filter=outcome=refused`);
    return (answer.body as { data: { audit_logs: AuditEntry[] } }).data.audit_logs[0];
  };
  expect(await until('it is in the log', refused, 1_500)).toMatchObject({
    event_type: 'apikey.created',
    actor: 'policy-engine',
    detail: { reason: 'access.scope_missing' },
  });
});

test('proofs of the API hold against the checkpoint, computed here', async () => {
  const log = await aLog(7);
  const client = server.as(log.apiKey);
  const { body } = await client.get('/v1/audit-logs/proof/consistency?from=3&to=7');
  expect(body).toMatchObject({ data: { proof: { from: 3, to: 7 }, checkpoint: { size: 7 } } });
  const inclusion = await client.get('/v1/audit-logs/proof/inclusion?index=2&size=7');
  const { proof, checkpoint } = (
    inclusion.body as { data: { proof: { root: string; path: string[] }; checkpoint: AuditCheckpoint } }
  ).data;
  expect(proof.root).toBe(checkpoint.root);
  expect(proof.path).toHaveLength(3);
});

describe('the owner of the database', () => {
  test('alters an entry: it is named', async () => {
    const log = await aLog(6);
    await asOwner((sql) =>
      sql.query(`update audit_entries set action = 'nothing.happened' where org_id = $1 and leaf_index = 3`, [
        log.orgId,
      ]),
    );
    const found = await verify(log);
    expect(found).toMatchObject({ exit: 10, completeness: { verdict: 'holds' } });
    expect(indexes(found.integrity)).toEqual([3, null]);
  });

  test.each([
    ['who did it', `principal_id = 'somebody else'`],
    ['when it was', `at = at - interval '1 microsecond'`],
    ['how it ended', `outcome = 'refused'`],
    ['what changed', `detail = detail || '{"more": 1}'`],
    ['from where it came', `personal = '{"address": "198.51.100.1"}'`],
    ['that there was anything personal', `personal_digest = null, personal = null, personal_salt = null`],
  ])('alters %s: it is named', async (_what, change) => {
    const log = await aLog(3);
    await asOwner((sql) =>
      sql.query(`update audit_entries set ${change} where org_id = $1 and leaf_index = 1`, [log.orgId]),
    );
    const found = await verify(log);
    expect([found.exit, indexes(found.integrity)[0]]).toEqual([10, 1]);
  });

  test('drops an entry: what is missing is named', async () => {
    const log = await aLog(6);
    await asOwner((sql) => sql.query('delete from audit_entries where org_id = $1 and leaf_index = 2', [log.orgId]));
    const found = await verify(log);
    expect(found).toMatchObject({ exit: 11, integrity: { verdict: 'unproven' } });
    expect(indexes(found.completeness)).toEqual([2]);
  });

  test('lets two entries change places: both are named', async () => {
    const log = await aLog(6);
    await asOwner(async (sql) => {
      for (const [from, to] of [
        [1, -1],
        [4, 1],
        [-1, 4],
      ])
        await sql.query('update audit_entries set leaf_index = $2 where org_id = $1 and leaf_index = $3', [
          log.orgId,
          to,
          from,
        ]);
    });
    const found = await verify(log);
    expect(found.exit).toBe(10);
    expect(indexes(found.integrity)).toEqual([1, 4, null]);
  });

  test('cuts the end off: from where on is named', async () => {
    const log = await aLog(6);
    await asOwner((sql) => sql.query('delete from audit_entries where org_id = $1 and leaf_index >= 4', [log.orgId]));
    const found = await verify(log);
    expect([found.exit, indexes(found.completeness)]).toEqual([11, [4]]);
  });

  test('cuts the end off and puts back the checkpoint of then: a later checkpoint shows it', async () => {
    const log = await aLog(3);
    const saved = `create table saved_tree as select * from audit_trees where org_id = '${log.orgId}'`;
    await asOwner((sql) => sql.query(saved));
    await act(log, 6);
    const kept = await keepCheckpoint(log);
    await asOwner(async (sql) => {
      await sql.query('delete from audit_entries where org_id = $1 and leaf_index >= 3', [log.orgId]);
      await sql.query('delete from audit_trees where org_id = $1', [log.orgId]);
      await sql.query('insert into audit_trees select * from saved_tree');
      await sql.query('drop table saved_tree');
    });
    expect(await verify(log)).toMatchObject({ exit: 0 });
    const found = await verify(log, ['--checkpoint', kept]);
    expect([found.exit, indexes(found.completeness)]).toEqual([11, [3]]);
    expect(found.completeness.faults[0]?.message).toContain('saw 6 entries');
  });

  test('adds an entry that nobody signed: it is named', async () => {
    const log = await aLog(4);
    await asOwner(async (sql) => {
      await sql.query(
        'create temporary table forged as select * from audit_entries where org_id = $1 and leaf_index = 1',
        [log.orgId],
      );
      await sql.query(`update forged set leaf_index = 4, id = gen_random_uuid(), action = 'thing.forged'`);
      await sql.query('insert into audit_entries select * from forged');
    });
    const found = await verify(log);
    expect([found.exit, indexes(found.completeness)[0]]).toEqual([10, 4]);
    expect(indexes(found.integrity)).toEqual([4]);
    // It is in the way of the next leaf there, and nowhere else.
    expect((await server.as(log.apiKey).post('/v1/api-keys', { name: 'Next', scopes: [] })).status).toBe(201);
    await aLog(3);
  });

  test('writes the log anew and signs it with a key of their own: the key that was kept shows it', async () => {
    const log = await aLog(4);
    const file = join(folder, `${log.name}.ndjson`);
    const forger = generateKeyPairSync('ed25519');
    const { x } = forger.publicKey.export({ format: 'jwk' });
    await asOwner(async (sql) => {
      await sql.query(`set role assay_system`);
      const { rows } = await sql.query<{ checkpoint: string }>('select checkpoint from audit_trees where org_id = $1', [
        log.orgId,
      ]);
      const text = `${rows[0]?.checkpoint.split('\n\n')[0]}\n`;
      const id = await keyIdOf(log.orgId, Buffer.from(String(x), 'base64url'));
      const signature = Buffer.concat([id, sign(null, Buffer.from(text), forger.privateKey)]);
      const note = `${text}\n— assay/audit/${log.orgId} ${signature.toString('base64')}\n`;
      await sql.query('update audit_trees set checkpoint = $2 where org_id = $1', [log.orgId, note]);
      await sql.query(
        `insert into signing_keys (id, purpose, public_jwk, sealed_private, retired_at)
         values ('forged', 'audit_checkpoint', $1, '\\x00', now())`,
        [JSON.stringify(forger.publicKey.export({ format: 'jwk' }))],
      );
      await sql.query('reset role');
    });
    const found = await verify(log);
    expect(found).toMatchObject({ exit: 10, completeness: { verdict: 'holds' } });
    expect(found.integrity.faults[0]?.message).toContain('not signed by a key that you named');
    // Without the key that was kept, the log's own list is all there is to go by.
    expect((await assay(['audit', 'verify', file])).exit).toBe(0);
  });
});

async function keyIdOf(orgId: string, publicKey: Buffer): Promise<Buffer> {
  const bytes = Buffer.concat([Buffer.from(`assay/audit/${orgId}\n`), Buffer.of(1), publicKey]);
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).subarray(0, 4);
}
