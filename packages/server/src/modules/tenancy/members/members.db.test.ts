import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../../../test/database.ts';
import { aKey } from '../../../../test/people.ts';
import { aMember, tenancyOn } from '../../../../test/tenancy.ts';
import { until } from '../../../../test/until.ts';
import type { AppError } from '../../../kernel/errors.ts';
import { MEMBER_ROLES, type MemberRole, type Principal } from '../../../kernel/principal.ts';

const db = testDatabase();
const { operations: of, run } = tenancyOn(db);

const rolesIn = async (orgId: string): Promise<Map<string, MemberRole>> => {
  const { rows } = await db.owner.query<{ user_id: string; role: MemberRole }>(
    'select user_id, role from memberships where org_id = $1',
    [orgId],
  );
  return new Map(rows.map(({ user_id, role }) => [user_id, role]));
};
const change = (by: Principal, userId: string, role: MemberRole) =>
  run(of.changeMember, by, { userId, role, expected: null });
const remove = (by: Principal, userId: string) => run(of.removeMember, by, { userId });
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: AppError) => error.code,
  );

/** How many sessions wait for a lock that another one holds. */
async function waiting(): Promise<number> {
  const { rows } = await db.owner.query<{ count: number }>(
    `select count(distinct w.pid)::integer as count from pg_locks w join pg_locks h on h.pid = w.pid
     where not w.granted and h.database = (select oid from pg_database where datname = current_database())`,
  );
  return rows[0]?.count ?? 0;
}

/** Lets calls run up against a lock on the organization, and go on together. */
async function atOnce<Result>(orgId: string, calls: (() => Promise<Result>)[]): Promise<Result[]> {
  await db.owner.query('begin');
  await db.owner.query('select 1 from organizations where id = $1 for update', [orgId]);
  const early: Result[] = [];
  const held = Promise.all(
    calls.map(async (call) => {
      const result = await call();
      early.push(result);
      return result;
    }),
  );
  held.catch(() => {});
  try {
    await until('all calls wait', async () => early.length > 0 || (await waiting()) >= calls.length);
    expect(early, 'ended without waiting').toEqual([]);
  } finally {
    await db.owner.query('commit');
  }
  return held;
}

describe('the last owner', () => {
  test('is neither demoted nor removed, and does not leave', async () => {
    const orgId = await db.organization();
    const [owner, admin] = [await aMember(db, orgId, 'owner'), await aMember(db, orgId, 'admin')];
    expect(await codeOf(run(of.leaveOrganization, owner, undefined))).toBe('member.last_owner');
    expect(await codeOf(change(admin, owner.id, 'viewer'))).toBe('member.above_you');
    expect(await codeOf(remove(admin, owner.id))).toBe('member.above_you');
    expect((await rolesIn(orgId)).get(owner.id)).toBe('owner');
  });

  test('of two who demote each other at once, one stays', async () => {
    const orgId = await db.organization();
    const [first, second] = [await aMember(db, orgId, 'owner'), await aMember(db, orgId, 'owner')];
    const outcomes = await atOnce(orgId, [
      () => codeOf(change(first, second.id, 'viewer')),
      () => codeOf(change(second, first.id, 'viewer')),
    ]);
    expect(outcomes.sort()).toEqual(['done', 'member.above_you']);
    expect([...(await rolesIn(orgId)).values()].sort()).toEqual(['owner', 'viewer']);
  });

  test('of two who leave at once, one stays', async () => {
    const orgId = await db.organization();
    const [first, second] = [await aMember(db, orgId, 'owner'), await aMember(db, orgId, 'owner')];
    const outcomes = await atOnce(orgId, [
      () => codeOf(run(of.leaveOrganization, first, undefined)),
      () => codeOf(run(of.leaveOrganization, second, undefined)),
    ]);
    expect(outcomes.sort()).toEqual(['done', 'member.last_owner']);
  });

  test('who cannot sign in any more does not count as one', async () => {
    const orgId = await db.organization();
    const [owner, disabled] = [await aMember(db, orgId, 'owner'), await aMember(db, orgId, 'owner')];
    await db.owner.query('update users set disabled_at = now() where id = $1', [disabled.id]);
    expect(await codeOf(run(of.leaveOrganization, owner, undefined))).toBe('member.last_owner');
  });
});

describe('a member', () => {
  test('does not act on rights that were taken back while the call was under way', async () => {
    const orgId = await db.organization();
    const [owner, admin, victim] = [
      await aMember(db, orgId, 'owner'),
      await aMember(db, orgId, 'admin'),
      await aMember(db, orgId, 'developer'),
    ];
    await change(owner, admin.id, 'viewer');
    // The principal is still the one that authentication let in.
    expect(await codeOf(remove(admin, victim.id))).toMatch(/^member\.(above_you|beyond_you)$/);
    await remove(owner, admin.id);
    expect(await codeOf(change(admin, victim.id, 'viewer'))).toBe('member.people_only');
  });

  test('changes neither their own role nor that of one who stands as high', async () => {
    const orgId = await db.organization();
    const [owner, first, second] = [
      await aMember(db, orgId, 'owner'),
      await aMember(db, orgId, 'admin'),
      await aMember(db, orgId, 'admin'),
    ];
    expect(await codeOf(change(first, first.id, 'viewer'))).toBe('member.own_role');
    expect(await codeOf(change(owner, owner.id, 'admin'))).toBe('member.own_role');
    expect(await codeOf(remove(first, second.id))).toBe('member.above_you');
    expect(await codeOf(change(first, owner.id, 'viewer'))).toBe('member.above_you');
    expect(await codeOf(change(owner, second.id, 'owner'))).toBe('done');
  });

  test('gives nothing that the credential lacks, whatever the person holds', async () => {
    const orgId = await db.organization();
    const [owner, other] = [await aMember(db, orgId, 'owner'), await aMember(db, orgId, 'viewer')];
    const narrow: Principal = { ...owner, kind: 'api_key', scopes: new Set(['members:write']) };
    expect(await codeOf(change(narrow, other.id, 'developer'))).toBe('member.beyond_you');
    expect(
      await codeOf(run(of.createInvitation, narrow, { email: 'a@b.test', role: 'admin', customRoleId: null })),
    ).toBe('member.beyond_you');
  });

  test('of another organization is not there', async () => {
    const [mine, theirs] = [await db.organization(), await db.organization()];
    const [owner, stranger] = [await aMember(db, mine, 'owner'), await aMember(db, theirs, 'developer')];
    expect(await codeOf(change(owner, stranger.id, 'viewer'))).toBe('member.not_found');
    expect(await codeOf(remove(owner, stranger.id))).toBe('member.not_found');
  });

  test('who is removed leaves keys that keep what they could do, and no more later', async () => {
    const orgId = await db.organization();
    const [owner, leaver] = [await aMember(db, orgId, 'owner'), await aMember(db, orgId, 'developer')];
    const { id } = await aKey(db, { orgId, createdBy: leaver.id, scopes: ['evaluations:write', 'members:write'] });
    await remove(owner, leaver.id);
    const { rows } = await db.owner.query('select scopes, permission_set, revoked_at from api_keys where id = $1', [
      id,
    ]);
    expect(rows[0]).toEqual({ scopes: ['evaluations:write'], permission_set: null, revoked_at: null });
  });

  test('who is removed or demoted leaves no invitation behind that reaches higher', async () => {
    const orgId = await db.organization();
    const [owner, admin] = [await aMember(db, orgId, 'owner'), await aMember(db, orgId, 'admin')];
    const invite = (role: MemberRole) =>
      run(of.createInvitation, admin, { email: `${role}-${orgId}@b.test`, role, customRoleId: null });
    const [high, low] = [await invite('admin'), await invite('viewer')];
    const stateOf = async (id: string) =>
      (await db.owner.query('select state from invitations where id = $1', [id])).rows[0].state;
    await change(owner, admin.id, 'developer');
    expect([await stateOf(high.invitation.id), await stateOf(low.invitation.id)]).toEqual(['revoked', 'pending']);
    await remove(owner, admin.id);
    expect(await stateOf(low.invitation.id)).toBe('revoked');
  });

  test('whose role somebody else has changed meanwhile is not changed by who saw the old one', async () => {
    const orgId = await db.organization();
    const [owner, other] = [await aMember(db, orgId, 'owner'), await aMember(db, orgId, 'viewer')];
    await run(of.changeMember, owner, { userId: other.id, role: 'developer', expected: [1] });
    expect(await codeOf(run(of.changeMember, owner, { userId: other.id, role: 'admin', expected: [1] }))).toBe(
      'precondition.failed',
    );
  });
});

type Act = { by: number; what: 'change' | 'remove' | 'leave'; on: number; role: MemberRole };
const acts = fc.array(
  fc.record<Act>({
    by: fc.nat(3),
    what: fc.constantFrom('change', 'change', 'remove', 'leave'),
    on: fc.nat(3),
    role: fc.constantFrom(...MEMBER_ROLES),
  }),
  { minLength: 2, maxLength: 8 },
);

describe('the ladder', () => {
  test('holds whatever members do to each other at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...MEMBER_ROLES), { minLength: 3, maxLength: 3 }),
        acts,
        async (roles, wanted) => {
          const orgId = await db.organization();
          const people: Principal[] = [];
          for (const role of ['owner', ...roles] as const) people.push(await aMember(db, orgId, role));
          const at = (index: number): Principal => people[index] as Principal;
          await Promise.all(
            wanted.map(({ by, what, on, role }) => {
              if (what === 'leave') return codeOf(run(of.leaveOrganization, at(by), undefined));
              return codeOf(what === 'change' ? change(at(by), at(on).id, role) : remove(at(by), at(on).id));
            }),
          );
          const after = await rolesIn(orgId);
          expect([...after.values()]).toContain('owner');
          await expectNobodyRoseAboveTheirGiver(orgId, people);
        },
      ),
      { numRuns: Number(process.env['ASSAY_PROPERTY_RUNS'] ?? 25), endOnFailure: true },
    );
  });
});

/**
 * Replays the log of what was done, whose leaves are written behind the organization's lock and so in order: every change was made by somebody who, just
 * then, stood as high as what they gave, and higher than whom they changed unless both were owners.
 */
async function expectNobodyRoseAboveTheirGiver(orgId: string, people: readonly Principal[]): Promise<void> {
  const rank = new Map(people.map(({ id, role }) => [id, MEMBER_ROLES.indexOf(role as MemberRole)]));
  const owner = MEMBER_ROLES.indexOf('owner');
  const { rows } = await db.owner.query<{
    action: string;
    actor_id: string;
    target_id: string;
    detail: { after?: { role: MemberRole } };
  }>(
    `select action, actor_id, target_id, detail from audit_leaves where org_id = $1 and outcome = 'allowed' order by id`,
    [orgId],
  );
  for (const { action, actor_id, target_id, detail } of rows) {
    const [by, on] = [rank.get(actor_id) ?? -1, rank.get(target_id) ?? -1];
    if (action === 'member.left') expect(actor_id).toBe(target_id);
    else expect(by === owner || by > on, `${action}: ${by} over ${on}`).toBe(true);
    if (action === 'member.updated') {
      const given = MEMBER_ROLES.indexOf(detail.after?.role as MemberRole);
      expect(given).toBeLessThanOrEqual(by);
      rank.set(target_id, given);
    } else rank.delete(target_id);
  }
}
