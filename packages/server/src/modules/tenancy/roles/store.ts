import { isUuid } from '../../../kernel/ids.ts';
import { statement, type Tx } from '../../../platform/db/index.ts';
import { customRoleErrors } from '../errors.ts';
import { type After, behind, type Listed, microsOf } from '../listing.ts';
import type { CustomRole } from './model.ts';

type Row = {
  id: string;
  name: string;
  description: string;
  scopes: string[];
  version: number;
  created_at: Date;
  updated_at: Date;
};
const COLUMNS = 'r.id, r.name, r.description, r.scopes, r.version, r.created_at, r.updated_at';

const insert = statement<Row>(
  'custom_roles.insert',
  `insert into custom_roles as r (org_id, id, name, description, scopes) values ($1, $2, $3, $4, $5) returning ${COLUMNS}`,
);
const byId = statement<Row>(
  'custom_roles.by_id',
  `select ${COLUMNS} from custom_roles r where r.org_id = $1 and r.id = $2`,
);
const list = statement<Row & { micros: string }>(
  'custom_roles.list',
  `select ${COLUMNS}, ${microsOf('r.created_at')} from custom_roles r
   where r.org_id = $1 and ${behind('r.created_at', 'r.id', 3)}
   order by r.created_at desc, r.id desc limit $2`,
);
const update = statement<Row>(
  'custom_roles.update',
  `update custom_roles r set name = $3, description = $4, scopes = $5, version = version + 1, updated_at = now()
   where r.org_id = $1 and r.id = $2 returning ${COLUMNS}`,
);
const forget = statement(
  'custom_roles.forget',
  `update invitations set custom_role_id = null where org_id = $1 and custom_role_id = $2 and state <> 'pending'`,
);
const remove = statement('custom_roles.delete', 'delete from custom_roles where org_id = $1 and id = $2');

type NewRole = Pick<CustomRole, 'id' | 'name' | 'description' | 'scopes'>;

export async function insertRole(tx: Tx, orgId: string, role: NewRole): Promise<CustomRole> {
  return theOnly(await tx.query(insert, [orgId, role.id, role.name, role.description, role.scopes]));
}

/** @throws AppError `not_found` */
export async function findRole(tx: Tx, orgId: string, id: string): Promise<CustomRole> {
  const [row] = isUuid(id) ? await tx.query(byId, [orgId, id]) : [];
  if (!row) throw customRoleErrors.not_found('There is no custom role with this id.');
  return toRole(row);
}

export async function listRoles(
  tx: Tx,
  orgId: string,
  page: { limit: number; after: After },
): Promise<Listed<CustomRole>[]> {
  const rows = await tx.query(list, [orgId, page.limit, ...page.after]);
  return rows.map((row) => ({ item: toRole(row), micros: row.micros, id: row.id }));
}

export async function updateRole(tx: Tx, orgId: string, role: NewRole): Promise<CustomRole> {
  return theOnly(await tx.query(update, [orgId, role.id, role.name, role.description, role.scopes]));
}

/** Deletes a role that nobody has; invitations that were answered long ago do not keep it. */
export async function deleteRole(tx: Tx, orgId: string, id: string): Promise<void> {
  await tx.query(forget, [orgId, id]);
  await tx.query(remove, [orgId, id]);
}

const theOnly = (rows: Row[]): CustomRole => toRole(rows[0] as Row);

const toRole = (row: Row): CustomRole => ({
  id: row.id,
  name: row.name,
  description: row.description,
  scopes: row.scopes,
  version: row.version,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});
