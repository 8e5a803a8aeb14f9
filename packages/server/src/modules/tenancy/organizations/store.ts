import type { OrganizationId } from '../../../kernel/ids.ts';
import type { Posture } from '../../../kernel/principal.ts';
import { statement, type Tx } from '../../../platform/db/index.ts';
import { organizationErrors } from '../errors.ts';
import { type After, behind, type Listed, microsOf } from '../listing.ts';
import type { Organization } from '../model.ts';

/** What `toOrganization` reads, of a table named `o`. */
export const ORGANIZATION_COLUMNS = `o.id as org_id, o.name, o.slug, o.posture, o.trial_ends_at, o.version, o.created_at,
     o.updated_at, o.deleted_at, o.erase_after`;
export type OrganizationRow = {
  org_id: string;
  name: string;
  slug: string;
  posture: Posture;
  trial_ends_at: Date | null;
  version: number;
  created_at: Date;
  updated_at: Date;
  deleted_at: Date | null;
  erase_after: Date | null;
};

const insert = statement<OrganizationRow>(
  'organizations.insert',
  `insert into organizations as o (id, name, slug) values ($1, $2, $3) returning ${ORGANIZATION_COLUMNS}`,
);
const byId = statement<OrganizationRow>(
  'organizations.by_id',
  `select ${ORGANIZATION_COLUMNS} from organizations o where o.id = $1 and o.deleted_at is null`,
);
// Shared with foreign keys that point here, exclusive against every other change of who may do what.
const lock = statement<OrganizationRow>(
  'organizations.lock',
  `select ${ORGANIZATION_COLUMNS} from organizations o where o.id = $1 and o.erased_at is null for no key update`,
);
const update = statement<OrganizationRow>(
  'organizations.update',
  `update organizations o set name = $2, slug = $3, version = version + 1, updated_at = now() where o.id = $1
   returning ${ORGANIZATION_COLUMNS}`,
);
const setBilling = statement<OrganizationRow>(
  'organizations.set_billing',
  `update organizations o set posture = $2, trial_ends_at = $3, version = version + 1, updated_at = now()
   where o.id = $1 returning ${ORGANIZATION_COLUMNS}`,
);
const markDeleted = statement<OrganizationRow>(
  'organizations.mark_deleted',
  `update organizations o set deleted_at = now(), erase_after = now() + make_interval(days => $2), version = version + 1,
     updated_at = now()
   where o.id = $1 returning ${ORGANIZATION_COLUMNS}`,
);
const markRestored = statement<OrganizationRow>(
  'organizations.mark_restored',
  `update organizations o set deleted_at = null, erase_after = null, version = version + 1, updated_at = now()
   where o.id = $1 and o.erase_after > now() returning ${ORGANIZATION_COLUMNS}`,
);
const listOfUser = statement<OrganizationRow & { micros: string }>(
  'organizations.list_of_user',
  `select ${ORGANIZATION_COLUMNS}, ${microsOf('o.created_at')} from organizations o
   join memberships m on m.org_id = o.id
   where m.user_id = $1 and ($2::uuid is null or o.id = $2) and o.deleted_at is null and ${behind('o.created_at', 'o.id', 4)}
   order by o.created_at desc, o.id desc limit $3`,
);
const listAll = statement<OrganizationRow & { micros: string }>(
  'organizations.list_all',
  `select ${ORGANIZATION_COLUMNS}, ${microsOf('o.created_at')} from organizations o
   where o.erased_at is null and ${behind('o.created_at', 'o.id', 2)}
   order by o.created_at desc, o.id desc limit $1`,
);

export async function insertOrganization(
  tx: Tx,
  { id, name, slug }: Pick<Organization, 'id' | 'name' | 'slug'>,
): Promise<Organization> {
  return theOnly(await tx.query(insert, [id, name, slug]));
}

export async function findOrganization(tx: Tx, id: string): Promise<Organization | null> {
  const [row] = await tx.query(byId, [id]);
  return row ? toOrganization(row) : null;
}

/**
 * Locks an organization for a change of who may do what in it, until the transaction ends. Also finds deleted ones.
 * Lock order: the organization, then what is in it.
 */
export async function lockAnyOrganization(tx: Tx, id: string): Promise<Organization | null> {
  const [row] = await tx.query(lock, [id]);
  return row ? toOrganization(row) : null;
}

/** Locks a living organization. @throws AppError `not_found` when there is none, or it was deleted meanwhile */
export async function lockOrganization(tx: Tx, id: string | null): Promise<Organization> {
  const organization = id === null ? null : await lockAnyOrganization(tx, id);
  if (!organization || organization.deletedAt !== null) throw noSuchOrganization();
  return organization;
}

export async function updateOrganization(
  tx: Tx,
  { id, name, slug }: Pick<Organization, 'id' | 'name' | 'slug'>,
): Promise<Organization> {
  return theOnly(await tx.query(update, [id, name, slug]));
}

export async function updateBilling(
  tx: Tx,
  { id, posture, trialEndsAt }: Pick<Organization, 'id' | 'posture' | 'trialEndsAt'>,
): Promise<Organization> {
  return theOnly(await tx.query(setBilling, [id, posture, trialEndsAt]));
}

export async function markOrganizationDeleted(tx: Tx, id: string, graceDays: number): Promise<Organization> {
  return theOnly(await tx.query(markDeleted, [id, graceDays]));
}

/** Gives null for one whose time is over: its erasure may have begun. */
export async function markOrganizationRestored(tx: Tx, id: string): Promise<Organization | null> {
  const [row] = await tx.query(markRestored, [id]);
  return row ? toOrganization(row) : null;
}

/** Organizations that somebody belongs to, newest first; of a credential that reaches into one only, that one. */
export async function listOrganizationsOf(
  tx: Tx,
  of: { userId: string; onlyId: string | null },
  page: { limit: number; after: After },
): Promise<Listed<Organization>[]> {
  return (await tx.query(listOfUser, [of.userId, of.onlyId, page.limit, ...page.after])).map(toListed);
}

/** Every organization of the installation, deleted ones too. */
export async function listAllOrganizations(
  tx: Tx,
  page: { limit: number; after: After },
): Promise<Listed<Organization>[]> {
  return (await tx.query(listAll, [page.limit, ...page.after])).map(toListed);
}

export const noSuchOrganization = (): Error =>
  organizationErrors.not_found('There is no organization with this id, or you are not in it.');

const toListed = (row: OrganizationRow & { micros: string }): Listed<Organization> => ({
  item: toOrganization(row),
  micros: row.micros,
  id: row.org_id,
});

const theOnly = (rows: OrganizationRow[]): Organization => toOrganization(rows[0] as OrganizationRow);

export const toOrganization = (row: OrganizationRow): Organization => ({
  id: row.org_id as OrganizationId,
  name: row.name,
  slug: row.slug,
  posture: row.posture,
  trialEndsAt: row.trial_ends_at,
  version: row.version,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  deletedAt: row.deleted_at,
  eraseAfter: row.erase_after,
});
