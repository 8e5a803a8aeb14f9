import { statement, type Tx } from '../../../platform/db/index.ts';

/*
 * Which tables belong to an organization is read from the database: whatever has a column `org_id` is erased, unless it
 * is the audit log's. A table that is added is covered the day it is added.
 */

/** Tables of the audit log: its leaves, digests and checkpoints stay, and lose what names people. */
const KEPT = 'audit\\_%';

const dueNow = statement<{ id: string }>(
  'erasure.due',
  `select id from organizations where deleted_at is not null and erased_at is null and erase_after <= now()
   order by erase_after limit 20`,
);
// Tables that point at others come first, so that no row is left pointing at one that is gone.
// People and keys say who goes with the organization, so they and what they point at are left for the end.
const ownedTables = statement<{ name: string; is_optional: boolean; is_last: boolean }>(
  'erasure.tables',
  `with recursive owned as (
     select c.oid, format('%I.%I', n.nspname, c.relname) as name, not a.attnotnull as is_optional
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace
     join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped
     where n.nspname = current_schema() and c.relkind in ('r', 'p') and not c.relispartition and c.relname not like '${KEPT}'
   ), depth as (
     select oid, 0 as steps from owned
     union
     select f.confrelid, d.steps + 1 from depth d join pg_constraint f on f.conrelid = d.oid and f.contype = 'f'
     where f.confrelid <> d.oid and d.steps < 50
   ), last as (
     select oid from owned where oid in ('memberships'::regclass, 'api_keys'::regclass)
     union
     select f.confrelid from last l join pg_constraint f on f.conrelid = l.oid and f.contype = 'f'
   )
   select o.name, o.is_optional, o.oid in (select oid from last) as is_last from owned o
   order by (select max(d.steps) from depth d where d.oid = o.oid), o.name`,
);
const membersOnly = statement<{ id: string; email: string; kind: string }>(
  'erasure.people',
  `select u.id, u.email, u.kind from memberships m join users u on u.id = m.user_id
   where m.org_id = $1
     and not exists (select 1 from memberships o where o.user_id = m.user_id and o.org_id <> $1)
     and not exists (select 1 from platform_grants g where g.principal_kind = 'user' and g.principal_id = m.user_id)`,
);
const retired = statement<{ id: string; email: string; kind: string }>(
  'erasure.retired_accounts',
  `select distinct u.id, u.email, u.kind from api_keys k join users u on u.id in (k.created_by, k.service_account_id)
   where k.org_id = $1 and u.kind = 'service'
     and not exists (select 1 from memberships o where o.user_id = u.id and o.org_id <> $1)`,
);
const tombstone = statement(
  'erasure.tombstone',
  `update organizations set name = '', slug = 'erased-' || id, erased_at = now(), version = version + 1
   where id = $1 and deleted_at is not null and erase_after <= now()`,
);
const dropKeyGrants = statement(
  'erasure.key_grants',
  `delete from platform_grants
   where principal_kind = 'api_key' and principal_id in (select id from api_keys where org_id = $1)`,
);
const lockDue = statement<{ id: string }>(
  'erasure.lock',
  `select id from organizations
   where id = $1 and deleted_at is not null and erased_at is null and erase_after <= now()
   for no key update skip locked`,
);

/** Organizations whose time is over. */
export const listDueOrganizations = (tx: Tx): Promise<{ id: string }[]> => tx.query(dueNow, []);

/** Locks one of them; false when it was restored meanwhile, or another process is at it. */
export const lockDueOrganization = async (tx: Tx, id: string): Promise<boolean> =>
  (await tx.query(lockDue, [id])).length > 0;

/** A table with rows of organizations; of an optional one only the reference goes, since the row is somebody else's. */
export type OwnedTable = { name: string; isOptional: boolean; isLast: boolean };

export async function listOwnedTables(tx: Tx): Promise<OwnedTable[]> {
  const rows = await tx.query(ownedTables, []);
  return rows.map((row) => ({ name: row.name, isOptional: row.is_optional, isLast: row.is_last }));
}

const BATCH = 5_000;

/** Erases a batch of an organization's rows; says how many. `name` is as the database quoted it. */
export async function eraseBatch(tx: Tx, { name, isOptional }: OwnedTable, orgId: string): Promise<number> {
  // A place is only unique within a partition: without the organization, rows of others in other partitions would go.
  const some = `org_id = $1 and ctid = any (array(select ctid from ${name} where org_id = $1 limit ${BATCH}))`;
  const erase = isOptional
    ? statement(`erasure.unlink.${name}`, `update ${name} set org_id = null where ${some} returning 1`)
    : statement(`erasure.delete.${name}`, `delete from ${name} where ${some} returning 1`);
  return (await tx.query(erase, [orgId])).length;
}

/** People and service accounts who belong to this organization and to nothing else. */
export async function findLonePeople(tx: Tx, orgId: string): Promise<{ id: string; email: string; kind: string }[]> {
  const [members, accounts] = [await tx.query(membersOnly, [orgId]), await tx.query(retired, [orgId])];
  return [...members, ...accounts.filter(({ id }) => !members.some((member) => member.id === id))];
}

export const dropKeyGrantsOf = (tx: Tx, orgId: string): void => tx.defer(dropKeyGrants, [orgId]);

/** Leaves a row without a name, for the audit log to belong to. */
export async function leaveTombstone(tx: Tx, orgId: string): Promise<void> {
  await tx.query(tombstone, [orgId]);
}
