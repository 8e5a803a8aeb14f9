import { statement, type Tx } from '../../../platform/db/index.ts';
import type { FederatedRole } from './model.ts';

const ALIVE = 'p.disabled_at is null and o.deleted_at is null';
const byDomain = statement<{ org_id: string; id: string }>(
  'sso.by_domain',
  `select p.org_id, p.id from identity_provider_domains d
   join identity_providers p on p.org_id = d.org_id and p.id = d.provider_id
   join organizations o on o.id = p.org_id
   where d.domain = $1 and d.verified_at is not null and ${ALIVE}`,
);
const byOrganization = statement<{ org_id: string; id: string }>(
  'sso.by_organization',
  `select p.org_id, p.id from identity_providers p join organizations o on o.id = p.org_id
   where (o.slug = $1 or o.id::text = $1) and ${ALIVE} order by p.created_at, p.id limit 1`,
);
const living = statement<{ id: string }>(
  'sso.living',
  `select p.id from identity_providers p join organizations o on o.id = p.org_id
   where p.org_id = $1 and p.id = $2 and ${ALIVE}`,
);
const secret = statement<{ sealed_client_secret: Buffer | null }>(
  'sso.secret',
  'select sealed_client_secret from identity_providers where org_id = $1 and id = $2',
);
const insertAttempt = statement(
  'sso.insert_attempt',
  `insert into sso_attempts (state_hash, org_id, provider_id, browser_hash, sealed_secrets, return_to, client, expires_at)
   values ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8))`,
);
const takeAttempt = statement<{
  org_id: string;
  provider_id: string;
  browser_hash: Buffer;
  sealed_secrets: Buffer;
  return_to: string;
  client: string;
}>(
  'sso.take_attempt',
  `delete from sso_attempts where state_hash = $1 and expires_at > now()
   returning org_id, provider_id, browser_hash, sealed_secrets, return_to, client`,
);
const byFederatedIdentity = statement<{ user_id: string }>(
  'sso.by_federated_identity',
  `update federated_identities set last_used_at = now() where org_id = $1 and provider_id = $2 and subject = $3
   returning user_id`,
);
const insertFederatedIdentity = statement(
  'sso.insert_federated_identity',
  `insert into federated_identities (org_id, provider_id, subject, user_id) values ($1, $2, $3, $4)
   on conflict (org_id, provider_id, subject) do nothing`,
);
// An owner stays one, and a role of the organization's own making is not an issuer's to take away.
const changeRole = statement<{ before: string }>(
  'sso.change_role',
  `with before as (
     select org_id, user_id, role from memberships where org_id = $1 and user_id = $2 for update)
   update memberships m set role = $3 from before b
   where m.org_id = b.org_id and m.user_id = b.user_id and b.role <> 'owner' and b.role <> $3 and m.custom_role_id is null
   returning b.role as before`,
);

/** Which provider of which organization. */
export type ProviderRef = { orgId: string; id: string };

const one = (rows: readonly { org_id: string; id: string }[]): ProviderRef | null => {
  const [row] = rows;
  return row ? { orgId: row.org_id, id: row.id } : null;
};

/** The provider that speaks for a domain. */
export const findProviderByDomain = async (tx: Tx, domain: string): Promise<ProviderRef | null> =>
  one(await tx.query(byDomain, [domain]));

/** The first provider of an organization, by its slug or id. */
export const findProviderByOrganization = async (tx: Tx, organization: string): Promise<ProviderRef | null> =>
  one(await tx.query(byOrganization, [organization.toLowerCase()]));

export const isProviderAlive = async (tx: Tx, { orgId, id }: ProviderRef): Promise<boolean> =>
  (await tx.query(living, [orgId, id])).length > 0;

export async function findSealedSecret(tx: Tx, { orgId, id }: ProviderRef): Promise<Buffer | null> {
  return (await tx.query(secret, [orgId, id]))[0]?.sealed_client_secret ?? null;
}

/** A sign-in under way. */
export type Attempt = ProviderRef & { browserHash: Buffer; sealedSecrets: Buffer; returnTo: string; client: string };

export async function insertSsoAttempt(
  tx: Tx,
  { stateHash, seconds, ...of }: Attempt & { stateHash: Buffer; seconds: number },
): Promise<void> {
  const about = [of.orgId, of.id, of.browserHash, of.sealedSecrets, of.returnTo, of.client];
  await tx.query(insertAttempt, [stateHash, ...about, seconds]);
}

/** Takes an attempt, once; null for one that is unknown, taken or over. */
export async function takeSsoAttempt(tx: Tx, stateHash: Buffer): Promise<Attempt | null> {
  const [row] = await tx.query(takeAttempt, [stateHash]);
  if (!row) return null;
  return {
    orgId: row.org_id,
    id: row.provider_id,
    browserHash: row.browser_hash,
    sealedSecrets: row.sealed_secrets,
    returnTo: row.return_to,
    client: row.client,
  };
}

/** Who somebody is whom the issuer names by this subject. */
export async function findFederatedUser(tx: Tx, { orgId, id }: ProviderRef, subject: string): Promise<string | null> {
  return (await tx.query(byFederatedIdentity, [orgId, id, subject]))[0]?.user_id ?? null;
}

export const bindFederatedUser = (tx: Tx, { orgId, id }: ProviderRef, subject: string, userId: string): void =>
  tx.defer(insertFederatedIdentity, [orgId, id, subject, userId]);

/** Gives a member the role that the issuer says; gives the one before, or null when nothing changed. */
export async function applyFederatedRole(
  tx: Tx,
  { orgId, userId, role }: { orgId: string; userId: string; role: FederatedRole },
): Promise<string | null> {
  return (await tx.query(changeRole, [orgId, userId, role]))[0]?.before ?? null;
}
