import { statement, type Tx } from '../../platform/db/index.ts';
import type { Organization, User } from './model.ts';

const anyOrganization = statement<{ id: string }>('tenancy.any', 'select id from organizations limit 1');
const firstStart = statement('tenancy.first_start', 'select pg_advisory_xact_lock(7201936411)');
const insertOrganization = statement(
  'tenancy.insert_organization',
  'insert into organizations (id, name, slug) values ($1, $2, $3)',
);
const insertUser = statement(
  'tenancy.insert_user',
  'insert into users (id, email, name, password_hash) values ($1, $2, $3, $4)',
);
const insertMembership = statement(
  'tenancy.insert_membership',
  'insert into memberships (org_id, user_id, role) values ($1, $2, $3)',
);

/** Serialises processes that start together on an empty database, until the transaction ends. */
export async function lockFirstStart(tx: Tx): Promise<void> {
  await tx.query(firstStart, []);
}

/** Whether no organization exists yet: the installation is new. */
export async function isEmpty(tx: Tx): Promise<boolean> {
  return (await tx.query(anyOrganization, [])).length === 0;
}

/** Creates an organization with its owner, in one go. */
export function insertFirstOrganization(
  tx: Tx,
  organization: Pick<Organization, 'id' | 'name' | 'slug'>,
  owner: User,
): void {
  tx.defer(insertOrganization, [organization.id, organization.name, organization.slug]);
  tx.defer(insertUser, [owner.id, owner.email, owner.name, owner.passwordHash]);
  tx.defer(insertMembership, [organization.id, owner.id, 'owner']);
}
