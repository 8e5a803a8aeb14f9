import { describe, expect, test } from 'vitest';
import { aQueuedEvaluation } from '../../../../test/builders.ts';
import { testDatabase } from '../../../../test/database.ts';
import { aKey, aPerson } from '../../../../test/people.ts';
import { aMember, signedIn, tenancyOn } from '../../../../test/tenancy.ts';
import type { AppError } from '../../../kernel/errors.ts';
import { newId } from '../../../kernel/ids.ts';
import type { Principal } from '../../../kernel/principal.ts';
import { eraseDueOrganizations } from './jobs.ts';
import { listOwnedTables } from './store.ts';

const db = testDatabase();
const { operations: of, services, run } = tenancyOn(db);
const inAll = <Result>(work: Parameters<typeof services.systemTransaction<Result>>[0]) =>
  services.systemTransaction(work);

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: AppError) => error.code,
  );

/** Every table of ours that has rows of organizations. */
async function tablesWithOrganization(): Promise<{ name: string; is_audit: boolean }[]> {
  const { rows } = await db.owner.query(
    `select c.relname as name, c.relname like 'audit\\_%' as is_audit from pg_class c
     join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition order by 1`,
  );
  return rows;
}

const countOf = async (table: string, orgId: string): Promise<number> =>
  (await db.owner.query(`select count(*)::integer as count from ${table} where org_id = $1`, [orgId])).rows[0].count;

/** An organization with something of everything that tenancy and its neighbours keep. */
async function inhabited(): Promise<{ orgId: string; owner: Principal; guest: Principal }> {
  const orgId = await db.organization();
  const owner = await aMember(db, orgId, 'owner');
  const guest = await aMember(db, orgId, 'developer');
  const elsewhere = await db.organization();
  await db.owner.query(`insert into memberships (org_id, user_id, role) values ($1, $2, 'owner')`, [
    elsewhere,
    guest.id,
  ]);
  await aQueuedEvaluation(db, { orgId });
  await aKey(db, { orgId, createdBy: guest.id });
  const team = await run(of.createTeam, owner, { name: 'Team', description: '' });
  await run(of.putTeamMember, owner, { id: team.id, userId: guest.id, role: 'member' });
  const role = await run(of.createCustomRole, owner, { name: 'Role', description: '', scopes: ['events:read'] });
  await run(of.createInvitation, owner, { email: `x-${orgId}@b.test`, role: 'viewer', customRoleId: role.id });
  const account = { name: 'Robot', description: '', role: 'viewer', customRoleId: role.id } as const;
  const robot = await run(of.createServiceAccount, owner, account);
  await aKey(db, { orgId, createdBy: robot.id });
  await db.owner.query(
    `insert into logins (id, user_id, org_id, method, expires_at) values ($1, $2, $3, 'password', now() + interval '1 day')`,
    [newId(), guest.id, orgId],
  );
  return { orgId, owner, guest };
}

const remove = (by: Principal) => run(of.deleteOrganization, by, { expected: null });
const pastGrace = (orgId: string) =>
  db.owner.query(`update organizations set erase_after = now() - interval '1 second' where id = $1`, [orgId]);

describe('what is erased with an organization', () => {
  test('covers every table with rows of organizations, but for the audit log', async () => {
    const tables = await tablesWithOrganization();
    const listed = await inAll(listOwnedTables);
    expect(listed.map(({ name }) => name.replace(/^public\./, '')).sort()).toEqual(
      tables.filter(({ is_audit }) => !is_audit).map(({ name }) => name),
    );
    for (const { name, isOptional } of listed) {
      const right = isOptional ? 'UPDATE' : 'DELETE';
      const { rows } = await db.owner.query(`select has_table_privilege('assay_system', $1, $2) as may`, [name, right]);
      expect([name, rows[0].may]).toEqual([name, true]);
    }
  });

  test('comes before what it points at', async () => {
    const names = (await inAll(listOwnedTables)).map(({ name }) => name.replace(/^public\./, ''));
    const { rows } = await db.owner.query<{ child: string; parent: string }>(
      `select f.conrelid::regclass::text as child, f.confrelid::regclass::text as parent from pg_constraint f
       where f.contype = 'f' and f.conrelid <> f.confrelid`,
    );
    for (const { child, parent } of rows) {
      if (names.includes(child) && names.includes(parent)) {
        expect([child, parent, names.indexOf(child) < names.indexOf(parent)]).toEqual([child, parent, true]);
      }
    }
  });

  test('leaves people whom nothing but a deletion with them holds', async () => {
    const { rows } = await db.owner.query<{ name: string; rule: string }>(
      `select conrelid::regclass::text || '.' || conname as name, confdeltype as rule from pg_constraint
       where contype = 'f' and confrelid = 'users'::regclass and confdeltype not in ('c', 'n') order by 1`,
    );
    // A new reference says `on delete cascade` or `set null`, or is dealt with in people/store.ts.
    expect(rows.map(({ name }) => name)).toEqual([
      'api_keys.api_keys__created_by',
      'api_keys.api_keys__service_account_id',
      'memberships.memberships__user_id',
    ]);
  });
});

describe('a deleted organization', () => {
  test('is gone for everybody at once, with its work, and comes back as it was', async () => {
    const { orgId, owner } = await inhabited();
    const deleted = await remove(owner);
    expect(deleted.eraseAfter?.getTime()).toBeGreaterThan(Date.now() + 29 * 86_400_000);
    const tries: (() => Promise<unknown>)[] = [
      () => run(of.getOrganization, owner, undefined),
      () => run(of.changeMember, owner, { userId: owner.id, role: 'viewer', expected: null }),
      () => run(of.createInvitation, owner, { email: 'a@b.test', role: 'viewer', customRoleId: null }),
      () => remove(owner),
    ];
    for (const again of tries) expect(await codeOf(again())).toBe('organization.not_found');
    const { rows } = await db.owner.query('select state, reason from evaluations where org_id = $1', [orgId]);
    expect(rows).toEqual([{ state: 'cancelled', reason: 'organization_deleted' }]);
    const outside: Principal = { ...owner, orgId: null, role: null, scopes: new Set() };
    expect(await codeOf(run(of.restoreOrganization, outside, { id: orgId }))).toBe('done');
    expect(await run(of.getOrganization, owner, undefined)).toMatchObject({ id: orgId, deletedAt: null });
    expect(await countOf('memberships', orgId)).toBe(3);
  });

  test('is restored by its owners and by administrators of the installation only', async () => {
    const { orgId, owner, guest } = await inhabited();
    expect(await codeOf(remove(guest))).toMatch(/^access\.|^organization\.owner_only$/);
    await remove(owner);
    const admin = await aMember(db, await db.organization(), 'owner');
    expect(await codeOf(run(of.restoreOrganization, guest, { id: orgId }))).toBe('organization.not_found');
    expect(await codeOf(run(of.restoreOrganization, admin, { id: orgId }))).toBe('organization.not_found');
    const administrator = { ...admin, isPlatformAdmin: true };
    expect(await codeOf(run(of.restoreOrganization, administrator, { id: orgId }))).toBe('done');
    expect(await codeOf(run(of.restoreOrganization, administrator, { id: orgId }))).toBe('organization.not_deleted');
  });

  test('is erased after its grace: rows, people and names; its log stays, without what names anybody', async () => {
    const { orgId, owner, guest } = await inhabited();
    await remove(owner);
    expect(await eraseDueOrganizations(services)).toBe(0);
    await pastGrace(orgId);
    expect(await codeOf(run(of.restoreOrganization, { ...owner, orgId: null }, { id: orgId }))).toBe(
      'organization.grace_over',
    );
    expect(await eraseDueOrganizations(services)).toBe(1);
    for (const { name, is_audit } of await tablesWithOrganization()) {
      if (!is_audit) expect([name, await countOf(name, orgId)]).toEqual([name, 0]);
    }
    const people = await db.owner.query('select id from users where id = any($1)', [[owner.id, guest.id]]);
    expect(people.rows).toEqual([{ id: guest.id }]);
    const robots = await db.owner.query(`select 1 from users where name = 'Robot'
      and not exists (select 1 from memberships m where m.user_id = users.id)`);
    expect(robots.rows).toEqual([]);
    const log = await db.owner.query(
      'select count(*)::integer as leaves, count(personal)::integer as personal from audit_leaves where org_id = $1',
      [orgId],
    );
    expect(log.rows[0].leaves).toBeGreaterThan(4);
    expect(log.rows[0].personal).toBe(0);
    const { rows } = await db.owner.query('select name, slug, erased_at from organizations where id = $1', [orgId]);
    expect(rows[0]).toEqual({ name: '', slug: `erased-${orgId}`, erased_at: expect.any(Date) });
    expect(await eraseDueOrganizations(services)).toBe(0);
  });
});

describe('a person', () => {
  test('who is erased leaves no key behind in an organization that may be restored', async () => {
    const { orgId, owner, guest } = await inhabited();
    const { rows: seats } = await db.owner.query('select org_id from memberships where user_id = $1 and org_id <> $2', [
      guest.id,
      orgId,
    ]);
    await aPerson(db, { orgId: seats[0].org_id, role: 'owner' });
    await remove(owner);
    await run(of.eraseUser, { ...owner, orgId: null, isPlatformAdmin: true }, { id: guest.id });
    await run(of.restoreOrganization, { ...owner, orgId: null }, { id: orgId });
    const { rows } = await db.owner.query(
      `select revoked_at is not null as revoked from api_keys where org_id = $1 and created_by is null`,
      [orgId],
    );
    expect(rows).toEqual([{ revoked: true }]);
  });

  test('is erased everywhere, and stays an id in what they did', async () => {
    const { orgId, owner, guest } = await inhabited();
    const elsewhere = await db.owner.query('select org_id from memberships where user_id = $1 and org_id <> $2', [
      guest.id,
      orgId,
    ]);
    const administrator: Principal = { ...owner, isPlatformAdmin: true };
    expect(await codeOf(run(of.eraseUser, administrator, { id: guest.id }))).toBe('member.last_owner');
    const next = await aPerson(db, { orgId: elsewhere.rows[0].org_id, role: 'owner' });
    expect(signedIn(next, 'owner').role).toBe('owner');
    const erased = await run(of.eraseUser, administrator, { id: guest.id });
    expect(erased.organizationIds.sort()).toEqual([orgId, elsewhere.rows[0].org_id].sort());
    const { rows } = await db.owner.query('select created_by, scopes from api_keys where org_id = $1 and name = $2', [
      orgId,
      'A key',
    ]);
    expect(rows).toContainEqual({ created_by: null, scopes: expect.any(Array) });
    expect((await db.owner.query('select 1 from users where id = $1', [guest.id])).rows).toEqual([]);
    expect((await db.owner.query('select 1 from logins where user_id = $1', [guest.id])).rows).toEqual([]);
    expect(await codeOf(run(of.eraseUser, administrator, { id: guest.id }))).toBe('user.not_found');
  });
});
