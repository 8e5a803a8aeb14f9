import type { MemberRole } from '../../../kernel/principal.ts';
import { statement, type Tx } from '../../../platform/db/index.ts';
import { type After, behind, type Listed, microsOf } from '../listing.ts';
import type { ServiceAccount } from './model.ts';

type Row = {
  id: string;
  name: string;
  description: string;
  role: MemberRole;
  custom_role_id: string | null;
  version: number;
  created_at: Date;
  disabled_at: Date | null;
};
const SELECT = `select u.id, u.name, u.description, m.role, m.custom_role_id, u.version, u.created_at, u.disabled_at`;
const FROM = `from memberships m join users u on u.id = m.user_id where m.org_id = $1 and u.kind = 'service'`;

// The address is never used: it satisfies the column, in a domain that cannot exist (RFC 2606).
const insert = statement(
  'service_accounts.insert',
  `insert into users (id, kind, email, name, description) values ($1, 'service', $2, $3, $4)`,
);
const byId = statement<Row>('service_accounts.by_id', `${SELECT} ${FROM} and u.id = $2`);
const list = statement<Row & { micros: string }>(
  'service_accounts.list',
  `${SELECT}, ${microsOf('u.created_at')} ${FROM} and ${behind('u.created_at', 'u.id', 3)}
   order by u.created_at desc, u.id desc limit $2`,
);
const update = statement(
  'service_accounts.update',
  `update users set name = $2, description = $3, disabled_at = case when $4 then coalesce(disabled_at, now()) end,
     version = version + 1
   where id = $1 and kind = 'service'`,
);

type Text = { id: string; name: string; description: string };

/** Adds the account itself; its membership says in which organization and as what. */
export async function insertServiceAccount(tx: Tx, { id, name, description }: Text): Promise<void> {
  await tx.query(insert, [id, `${id}@service.invalid`, name, description]);
}

export async function findServiceAccount(tx: Tx, orgId: string, id: string): Promise<ServiceAccount | null> {
  const [row] = await tx.query(byId, [orgId, id]);
  return row ? toAccount(row) : null;
}

export async function listServiceAccounts(
  tx: Tx,
  orgId: string,
  page: { limit: number; after: After },
): Promise<Listed<ServiceAccount>[]> {
  const rows = await tx.query(list, [orgId, page.limit, ...page.after]);
  return rows.map((row) => ({ item: toAccount(row), micros: row.micros, id: row.id }));
}

export async function updateServiceAccount(tx: Tx, of: Text & { isDisabled: boolean }): Promise<void> {
  await tx.query(update, [of.id, of.name, of.description, of.isDisabled]);
}

const toAccount = (row: Row): ServiceAccount => ({
  id: row.id,
  name: row.name,
  description: row.description,
  role: row.role,
  customRoleId: row.custom_role_id,
  version: row.version,
  createdAt: row.created_at,
  disabledAt: row.disabled_at,
});
