import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { testServer } from '../../../test/test-server.ts';
import { Sensitive } from '../../kernel/sensitive.ts';
import type { Database } from '../../platform/db/index.ts';
import { KEY_TEMPLATES } from '../access/index.ts';
import { type BootstrapOptions, bootstrap } from './bootstrap.ts';
import { hashKey, isWellFormed } from './keys/model.ts';
import { verifyPassword } from './login/passwords.ts';

const db = testDatabase();
const server = testServer();

const nothingSaid: BootstrapOptions = { ownerEmail: 'Owner@Localhost', ownerPassword: null, apiKey: null };

/** An installation that nobody has started yet. */
async function installation() {
  const address = await server.migratedDatabase();
  const system = db.open({ role: 'assay_system', at: address });
  const start = (options: Partial<BootstrapOptions> = {}, by: Database = system) =>
    by.transaction({ orgId: null }, (tx) => bootstrap(tx, { ...nothingSaid, ...options }));
  const rows = <Row>(text: string): Promise<Row[]> =>
    system.statements({ orgId: null }, (tx) => tx.query<Row>({ name: text.slice(0, 60), text }, []));
  return { address, start, rows, [Symbol.asyncDispose]: () => system[Symbol.asyncDispose]() };
}

describe('a first start', () => {
  test('makes an organization, its owner and a key of full access, and shows the secrets once', async () => {
    await using fresh = await installation();
    const made = await fresh.start();
    expect(made?.ownerEmail).toBe('owner@localhost');
    const [owner] = await fresh.rows<{
      role: string;
      email: string;
      password_hash: string;
      org_id: string;
      id: string;
    }>('select m.role, u.email, u.password_hash, m.org_id, u.id from memberships m join users u on u.id = m.user_id');
    expect(owner).toMatchObject({ role: 'owner', email: 'owner@localhost', org_id: made?.orgId });
    expect(await verifyPassword(String(owner?.password_hash), String(made?.password?.reveal()))).toBe(true);
    const raw = String(made?.rawKey?.reveal());
    expect(isWellFormed(raw)).toBe(true);
    const [key] = await fresh.rows<Record<string, unknown>>(
      'select id, org_id, hash, permission_set, scopes, created_by, expires_at, is_checksummed from api_keys',
    );
    expect(key).toEqual({
      id: expect.any(String),
      org_id: made?.orgId,
      hash: hashKey(raw),
      permission_set: 'full_access',
      scopes: KEY_TEMPLATES.full_access,
      created_by: owner?.id,
      expires_at: null,
      is_checksummed: true,
    });
    expect(JSON.stringify(made)).not.toContain(raw);
    const grants = await fresh.rows('select principal_kind, principal_id from platform_grants order by principal_kind');
    expect(grants).toEqual([
      { principal_kind: 'api_key', principal_id: key?.['id'] },
      { principal_kind: 'user', principal_id: owner?.id },
    ]);
  });

  test('has no default password and no default key: each installation has its own', async () => {
    const secrets = new Set<unknown>();
    for (let round = 0; round < 3; round++) {
      await using fresh = await installation();
      const made = await fresh.start();
      secrets.add(made?.password?.reveal()).add(made?.rawKey?.reveal());
    }
    expect(secrets.size).toBe(6);
  });

  test('takes password and key from configuration, and shows neither', async () => {
    await using fresh = await installation();
    const raw = 'sk_my-own-key-for-automation';
    const made = await fresh.start({ ownerPassword: new Sensitive('chosen'), apiKey: new Sensitive(raw) });
    expect(made).toMatchObject({ password: null, rawKey: null });
    const [owner] = await fresh.rows<{ password_hash: string }>('select password_hash from users');
    expect(await verifyPassword(String(owner?.password_hash), 'chosen')).toBe(true);
    expect(await fresh.rows('select hash, is_checksummed from api_keys')).toEqual([
      { hash: hashKey(raw), is_checksummed: false },
    ]);
  });

  test.each(['sk_short', 'pk_0123456789abcdefghij', 'sk_with spaces in it, twenty'])(
    'with %j for a key is refused by the name of the setting, and makes nothing',
    async (raw) => {
      await using fresh = await installation();
      await expect(fresh.start({ apiKey: new Sensitive(raw) })).rejects.toThrow(/^ASSAY_BOOTSTRAP_API_KEY must be/);
      expect(await fresh.rows('select id from organizations')).toEqual([]);
      expect(await fresh.rows('select id from users')).toEqual([]);
      expect(await fresh.start()).not.toBeNull();
    },
  );

  test('of processes that start together is made by one of them', async () => {
    await using fresh = await installation();
    const processes = Array.from({ length: 4 }, () => db.open({ role: 'assay_system', at: fresh.address }));
    const made = await Promise.all(processes.map((process) => fresh.start({}, process)));
    expect(made.filter((each) => each !== null)).toHaveLength(1);
    expect(await fresh.rows('select id from organizations')).toHaveLength(1);
    expect(await fresh.rows('select org_id from api_keys')).toHaveLength(1);
    for (const process of processes) await process[Symbol.asyncDispose]();
  });

  test('that dies half-way leaves nothing, and the next one makes everything', async () => {
    await using fresh = await installation();
    await using system = db.open({ role: 'assay_system', at: fresh.address });
    const dying = system.transaction({ orgId: null }, async (tx) => {
      await bootstrap(tx, nothingSaid);
      throw new Error('The process dies here.');
    });
    await expect(dying).rejects.toThrow('dies here');
    expect(await fresh.rows('select id from organizations')).toEqual([]);
    expect(await fresh.start()).not.toBeNull();
  });
});

describe('a later start', () => {
  test('makes nothing, whatever configuration says by then', async () => {
    await using fresh = await installation();
    await fresh.start();
    const before = await fresh.rows('select * from users, api_keys');
    expect(await fresh.start()).toBeNull();
    expect(
      await fresh.start({
        ownerEmail: 'other@localhost',
        ownerPassword: new Sensitive('other'),
        apiKey: new Sensitive('sk_bad'),
      }),
    ).toBeNull();
    expect(await fresh.rows('select * from users, api_keys')).toEqual(before);
  });
});
