import { timingSafeEqual } from 'node:crypto';
import { isUuid } from '../../../kernel/ids.ts';
import type { MemberRole } from '../../../kernel/principal.ts';
import { statement, type Tx } from '../../../platform/db/index.ts';
import { type After, behind, type Listed, microsOf } from '../listing.ts';
import { hashInvitationToken, INVITATION_DAYS, type Invitation, type InvitationState } from './model.ts';

type Row = {
  org_id: string;
  id: string;
  email: string;
  role: MemberRole;
  custom_role_id: string | null;
  state: InvitationState;
  invited_by_kind: string;
  invited_by: string;
  created_at: Date;
  expires_at: Date;
  settled_at: Date | null;
};
const COLUMNS = `i.org_id, i.id, i.email, i.role, i.custom_role_id,
     case when i.state = 'pending' and i.expires_at <= now() then 'expired' else i.state end as state,
     i.invited_by_kind, i.invited_by, i.created_at, i.expires_at, i.settled_at`;

const insert = statement<Row>(
  'invitations.insert',
  `insert into invitations as i (org_id, id, email, role, custom_role_id, token_hash, invited_by_kind, invited_by, expires_at)
   values ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(days => $9)) returning ${COLUMNS}`,
);
const expire = statement(
  'invitations.expire',
  `update invitations set state = 'expired', settled_at = now()
   where org_id = $1 and email = $2 and state = 'pending' and expires_at <= now()`,
);
const pendingOf = statement<{ id: string }>(
  'invitations.pending',
  `select id from invitations where org_id = $1 and email = $2 and state = 'pending' and expires_at > now()`,
);
const byId = statement<Row>(
  'invitations.by_id',
  `select ${COLUMNS} from invitations i where i.org_id = $1 and i.id = $2`,
);
const anyById = statement<Row & { token_hash: Buffer }>(
  'invitations.any_by_id',
  `select ${COLUMNS}, i.token_hash from invitations i where i.id = $1`,
);
const list = statement<Row & { micros: string }>(
  'invitations.list',
  `select ${COLUMNS}, ${microsOf('i.created_at')} from invitations i
   where i.org_id = $1 and ($3::text is null or
       case when i.state = 'pending' and i.expires_at <= now() then 'expired' else i.state end = $3)
     and ${behind('i.created_at', 'i.id', 4)}
   order by i.created_at desc, i.id desc limit $2`,
);
const settle = statement<Row>(
  'invitations.settle',
  `update invitations i set state = $3, settled_at = now() where i.org_id = $1 and i.id = $2 returning ${COLUMNS}`,
);

const revokeOf = statement<{ id: string }>(
  'invitations.revoke_of',
  `update invitations set state = 'revoked', settled_at = now()
   where org_id = $1 and invited_by_kind = 'user' and invited_by = $2 and state = 'pending' and role = any($3)
   returning id`,
);

export type NewInvitation = Pick<Invitation, 'orgId' | 'id' | 'email' | 'role' | 'customRoleId' | 'invitedBy'> & {
  token: string;
};

export async function insertInvitation(tx: Tx, invitation: NewInvitation): Promise<Invitation> {
  const { orgId, id, email, role, customRoleId, invitedBy, token } = invitation;
  const hash = hashInvitationToken(token);
  const values = [orgId, id, email, role, customRoleId, hash, invitedBy.kind, invitedBy.id, INVITATION_DAYS];
  return theOnly(await tx.query(insert, values));
}

/** Whether an address has an invitation that can still be answered; one whose time is over is laid aside. */
export async function isInvited(tx: Tx, orgId: string, email: string): Promise<boolean> {
  await tx.query(expire, [orgId, email]);
  return (await tx.query(pendingOf, [orgId, email])).length > 0;
}

export async function findInvitation(tx: Tx, orgId: string, id: string): Promise<Invitation | null> {
  const [row] = isUuid(id) ? await tx.query(byId, [orgId, id]) : [];
  return row ? toInvitation(row) : null;
}

/** The invitation of whichever organization that has this id and this token; null when either is wrong. */
export async function findByToken(tx: Tx, id: string, token: string): Promise<Invitation | null> {
  const [row] = isUuid(id) ? await tx.query(anyById, [id]) : [];
  return row && timingSafeEqual(row.token_hash, hashInvitationToken(token)) ? toInvitation(row) : null;
}

export async function listInvitations(
  tx: Tx,
  of: { orgId: string; state: InvitationState | null },
  page: { limit: number; after: After },
): Promise<Listed<Invitation>[]> {
  const rows = await tx.query(list, [of.orgId, page.limit, of.state, ...page.after]);
  return rows.map((row) => ({ item: toInvitation(row), micros: row.micros, id: row.id }));
}

/** Ends an invitation. The organization is locked, so its state has not changed since it was read behind that lock. */
export async function settleInvitation(
  tx: Tx,
  { orgId, id }: Pick<Invitation, 'orgId' | 'id'>,
  state: InvitationState,
): Promise<Invitation> {
  return theOnly(await tx.query(settle, [orgId, id, state]));
}

/** Takes back what somebody has offered in these roles and nobody has answered; gives the ids. */
export async function revokeInvitationsOf(
  tx: Tx,
  { orgId, userId, roles }: { orgId: string; userId: string; roles: readonly MemberRole[] },
): Promise<string[]> {
  return (await tx.query(revokeOf, [orgId, userId, roles])).map(({ id }) => id);
}

const theOnly = (rows: Row[]): Invitation => toInvitation(rows[0] as Row);

const toInvitation = (row: Row): Invitation => ({
  id: row.id,
  orgId: row.org_id,
  email: row.email,
  role: row.role,
  customRoleId: row.custom_role_id,
  state: row.state,
  invitedBy: { kind: row.invited_by_kind, id: row.invited_by },
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  settledAt: row.settled_at,
});
