import type { MemberRole } from '../../../kernel/principal.ts';
import { statement, type Tx } from '../../../platform/db/index.ts';

const insert = statement('people.insert', 'insert into users (id, email, name, password_hash) values ($1, $2, $3, $4)');
const lock = statement<{ id: string; email: string }>(
  'people.lock',
  `select id, email from users where id = $1 and kind = 'person' for update`,
);
const seatsOf = statement<{ org_id: string; role: MemberRole; is_deleted: boolean }>(
  'people.seats',
  `select m.org_id, m.role, o.deleted_at is not null as is_deleted
   from memberships m join organizations o on o.id = m.org_id where m.user_id = $1 order by m.org_id`,
);
const forgetKeys = statement('people.forget_keys', 'update api_keys set created_by = null where created_by = $1');
const dropMemberships = statement('people.drop_memberships', 'delete from memberships where user_id = $1');
const dropGrants = statement(
  'people.drop_grants',
  `delete from platform_grants where principal_kind = 'user' and principal_id = $1`,
);
const dropInvitations = statement('people.drop_invitations', 'delete from invitations where email = $1');
const remove = statement('people.delete', 'delete from users where id = $1');

/** Adds somebody who can sign in with a password. */
export async function insertPerson(
  tx: Tx,
  of: { id: string; email: string; name: string; passwordHash: string },
): Promise<void> {
  await tx.query(insert, [of.id, of.email, of.name, of.passwordHash]);
}

export async function lockPerson(tx: Tx, id: string): Promise<{ id: string; email: string } | null> {
  return (await tx.query(lock, [id]))[0] ?? null;
}

/** A place in an organization; also in one that was deleted and can be restored. */
export type Seat = { orgId: string; role: MemberRole; isDeleted: boolean };

/** Where somebody is a member, in the order in which the organizations are to be locked. */
export async function findSeats(tx: Tx, userId: string): Promise<Seat[]> {
  const rows = await tx.query(seatsOf, [userId]);
  return rows.map((row) => ({ orgId: row.org_id, role: row.role, isDeleted: row.is_deleted }));
}

/**
 * Deletes a person and everything that hangs on them: ways to sign in, sessions, invitations to their address. What
 * they did stays, under an id that nobody can resolve any more. They must have left their organizations.
 */
export async function deletePerson(tx: Tx, { id, email }: { id: string; email: string }): Promise<void> {
  await tx.query(forgetKeys, [id]);
  await tx.query(dropMemberships, [id]);
  await tx.query(dropGrants, [id]);
  await tx.query(dropInvitations, [email]);
  await tx.query(remove, [id]);
}
