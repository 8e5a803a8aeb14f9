import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../../../test/database.ts';
import { aMember, tenancyOn } from '../../../../test/tenancy.ts';
import type { AppError } from '../../../kernel/errors.ts';
import { ANONYMOUS, type Principal } from '../../../kernel/principal.ts';
import type { Invitation } from './model.ts';

const db = testDatabase();
const { operations: of, services, run } = tenancyOn(db);
// Opening a login needs signing keys, which is not what is tried here.
services.accounts.signIn = async () => ({ accessToken: 'token', refreshToken: 'token', expiresInSeconds: 900 });

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: AppError) => error.code,
  );

async function invited(owner: Principal): Promise<{ invitation: Invitation; token: string }> {
  const made = await run(of.createInvitation, owner, {
    email: `${randomUUID()}@example.test`,
    role: 'viewer',
    customRoleId: null,
  });
  return { invitation: made.invitation, token: made.token ?? '' };
}

const accept = ({ invitation, token }: { invitation: Invitation; token: string }) =>
  codeOf(
    run(of.acceptInvitation, ANONYMOUS, {
      id: invitation.id,
      token,
      account: { name: 'Somebody', password: 'many small boats at sea' },
      client: '',
    }),
  );
const membersOf = async (orgId: string): Promise<number> =>
  (await db.owner.query('select count(*)::integer as count from memberships where org_id = $1', [orgId])).rows[0].count;

/** Everything that comes of an answer: the person, the membership and the state agree, whoever was first. */
async function expectAgreement(orgId: string, { id, email }: Invitation, hasJoined: boolean): Promise<void> {
  const { rows } = await db.owner.query('select state from invitations where id = $1', [id]);
  const people = await db.owner.query('select 1 from users where email = $1', [email]);
  expect([rows[0].state === 'accepted', people.rows.length, await membersOf(orgId)]).toEqual([
    hasJoined,
    hasJoined ? 1 : 0,
    hasJoined ? 2 : 1,
  ]);
}

describe('answers that race', () => {
  test('of one invitation let one person in, once', async () => {
    const orgId = await db.organization();
    const offer = await invited(await aMember(db, orgId, 'owner'));
    const outcomes = await Promise.all([accept(offer), accept(offer), accept(offer)]);
    expect(outcomes.sort()).toEqual(['done', 'invitation.settled', 'invitation.settled']);
    await expectAgreement(orgId, offer.invitation, true);
  });

  test.each(['revoke', 'decline'] as const)('with a %s: one of the two counts', async (other) => {
    const orgId = await db.organization();
    const owner = await aMember(db, orgId, 'owner');
    const offer = await invited(owner);
    const { id } = offer.invitation;
    const [joined, ended] = await Promise.all([
      accept(offer),
      other === 'revoke'
        ? codeOf(run(of.revokeInvitation, owner, { id }))
        : codeOf(run(of.declineInvitation, ANONYMOUS, { id, token: offer.token })),
    ]);
    expect([joined, ended].sort()).toEqual(['done', 'invitation.settled']);
    await expectAgreement(orgId, offer.invitation, joined === 'done');
  });

  test('with the deletion of the organization: nobody joins one that is gone', async () => {
    const orgId = await db.organization();
    const owner = await aMember(db, orgId, 'owner');
    const offer = await invited(owner);
    const [joined] = await Promise.all([accept(offer), run(of.deleteOrganization, owner, { expected: null })]);
    expect(joined).toBeOneOf(['done', 'organization.not_found']);
    await expectAgreement(orgId, offer.invitation, joined === 'done');
    expect(await accept(offer)).not.toBe('done');
  });

  test('to one address make one invitation', async () => {
    const orgId = await db.organization();
    const owner = await aMember(db, orgId, 'owner');
    const request = { email: `${randomUUID()}@example.test`, role: 'viewer', customRoleId: null } as const;
    const outcomes = await Promise.all([1, 2, 3].map(() => codeOf(run(of.createInvitation, owner, request))));
    expect(outcomes.sort()).toEqual(['done', 'invitation.pending', 'invitation.pending']);
  });
});

describe('an invitation', () => {
  test('keeps no token, and no link', async () => {
    const orgId = await db.organization();
    const { token } = await invited(await aMember(db, orgId, 'owner'));
    const { rows } = await db.owner.query(
      `select to_jsonb(i)::text as text from invitations i where org_id = $1
       union all select to_jsonb(e)::text from events e where org_id = $1
       union all select to_jsonb(l)::text from audit_leaves l where org_id = $1`,
      [orgId],
    );
    expect(rows.length).toBeGreaterThan(2);
    for (const { text } of rows) expect(text).not.toContain(token.slice(3));
  });

  test('names the invited address beside the leaf, and in no event', async () => {
    const orgId = await db.organization();
    const { invitation } = await invited(await aMember(db, orgId, 'owner'));
    const { rows } = await db.owner.query(
      `select detail::text as detail, personal from audit_leaves where org_id = $1 and action = 'invitation.created'`,
      [orgId],
    );
    expect(rows[0].detail).not.toContain(invitation.email);
    expect(rows[0].personal).toMatchObject({ email: invitation.email });
    const events = await db.owner.query('select data::text as data from events where org_id = $1', [orgId]);
    for (const { data } of events.rows) expect(data).not.toContain(invitation.email);
  });
});
