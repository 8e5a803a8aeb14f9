import { statement, type Tx } from '../../../platform/db/index.ts';
import type { FederatedRole, IdentityProvider, ProviderDomain } from './model.ts';

type Row = {
  org_id: string;
  id: string;
  name: string;
  issuer: string;
  client_id: string;
  has_secret: boolean;
  scopes: string[];
  role_claim: string | null;
  role_mapping: Record<string, FederatedRole>;
  default_role: FederatedRole | null;
  creates_members: boolean;
  domains: { domain: string; proof: string; verified_at: string | null }[];
  created_at: Date;
  updated_at: Date;
  disabled_at: Date | null;
  version: number;
};

const COLUMNS = `p.org_id, p.id, p.name, p.issuer, p.client_id, p.sealed_client_secret is not null as has_secret, p.scopes,
  p.role_claim, p.role_mapping, p.default_role, p.creates_members, p.created_at, p.updated_at, p.disabled_at, p.version,
  coalesce((
    select jsonb_agg(jsonb_build_object('domain', d.domain, 'proof', d.proof, 'verified_at', d.verified_at) order by d.domain)
    from identity_provider_domains d where d.org_id = p.org_id and d.provider_id = p.id), '[]') as domains`;

const insert = statement(
  'sso.insert',
  `insert into identity_providers (org_id, id, name, issuer, client_id, sealed_client_secret, scopes, role_claim,
     role_mapping, default_role, creates_members)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
);
const byId = statement<Row>(
  'sso.by_id',
  `select ${COLUMNS} from identity_providers p where p.org_id = $1 and p.id = $2`,
);
const lock = statement<{ id: string }>(
  'sso.lock',
  'select id from identity_providers where org_id = $1 and id = $2 for update',
);
const list = statement<Row>(
  'sso.list',
  `select ${COLUMNS} from identity_providers p where p.org_id = $1 and (
     $2::uuid is null or
     (p.created_at, p.id) < (select l.created_at, l.id from identity_providers l where l.org_id = $1 and l.id = $2))
   order by p.created_at desc, p.id desc limit $3`,
);
const update = statement(
  'sso.update',
  `update identity_providers set name = $3, issuer = $4, client_id = $5, scopes = $6, role_claim = $7, role_mapping = $8,
     default_role = $9, creates_members = $10, disabled_at = case when $11 then coalesce(disabled_at, now()) end,
     updated_at = now(), version = version + 1
   where org_id = $1 and id = $2`,
);
const setSecret = statement(
  'sso.set_secret',
  'update identity_providers set sealed_client_secret = $3 where org_id = $1 and id = $2',
);
const remove = statement<{ id: string }>(
  'sso.remove',
  'delete from identity_providers where org_id = $1 and id = $2 returning id',
);
const addDomain = statement(
  'sso.add_domain',
  `insert into identity_provider_domains (org_id, provider_id, domain, proof) values ($1, $2, $3, $4)
   on conflict (org_id, provider_id, domain) do nothing`,
);
const keepDomains = statement(
  'sso.keep_domains',
  'delete from identity_provider_domains where org_id = $1 and provider_id = $2 and domain <> all ($3::text[])',
);
const verifyDomain = statement(
  'sso.verify_domain',
  `update identity_provider_domains set verified_at = coalesce(verified_at, now()), verified_by = coalesce(verified_by, $4)
   where org_id = $1 and provider_id = $2 and domain = $3`,
);
const touch = statement(
  'sso.touch',
  'update identity_providers set updated_at = now(), version = version + 1 where org_id = $1 and id = $2',
);

export type NewProvider = Pick<
  IdentityProvider,
  | 'orgId'
  | 'id'
  | 'name'
  | 'issuer'
  | 'clientId'
  | 'scopes'
  | 'roleClaim'
  | 'roleMapping'
  | 'defaultRole'
  | 'createsMembers'
>;

export function insertProvider(tx: Tx, provider: NewProvider, sealedSecret: Buffer | null): void {
  const { orgId, id, name, issuer, clientId, scopes, roleClaim, roleMapping, defaultRole, createsMembers } = provider;
  const roles = [roleClaim, JSON.stringify(roleMapping), defaultRole, createsMembers];
  tx.defer(insert, [orgId, id, name, issuer, clientId, sealedSecret, scopes, ...roles]);
}

export async function findProvider(tx: Tx, orgId: string, id: string): Promise<IdentityProvider | null> {
  const [row] = await tx.query(byId, [orgId, id]);
  return row ? toProvider(row) : null;
}

/** Finds a provider and locks its row until the transaction ends. */
export async function lockProvider(tx: Tx, orgId: string, id: string): Promise<IdentityProvider | null> {
  const [row] = await tx.query(lock, [orgId, id]);
  return row ? findProvider(tx, orgId, id) : null;
}

/** Providers of an organization, newest first, after the one of the given id. */
export async function listProviders(
  tx: Tx,
  orgId: string,
  { after, limit }: { after: string | null; limit: number },
): Promise<IdentityProvider[]> {
  return (await tx.query(list, [orgId, after, limit])).map(toProvider);
}

export function updateProvider(tx: Tx, provider: NewProvider & { isDisabled: boolean }): void {
  const { orgId, id, name, issuer, clientId, scopes, roleClaim, roleMapping, defaultRole, createsMembers } = provider;
  const roles = [roleClaim, JSON.stringify(roleMapping), defaultRole, createsMembers];
  tx.defer(update, [orgId, id, name, issuer, clientId, scopes, ...roles, provider.isDisabled]);
}

export const setProviderSecret = (tx: Tx, { orgId, id }: { orgId: string; id: string }, sealed: Buffer | null): void =>
  tx.defer(setSecret, [orgId, id, sealed]);

export const removeProvider = async (tx: Tx, orgId: string, id: string): Promise<boolean> =>
  (await tx.query(remove, [orgId, id])).length > 0;

/** Makes the domains of a provider those given: the others are gone, new ones are yet to be verified. */
export function setDomains(
  tx: Tx,
  { orgId, id }: { orgId: string; id: string },
  domains: readonly Pick<ProviderDomain, 'domain' | 'proof'>[],
): void {
  tx.defer(keepDomains, [orgId, id, domains.map(({ domain }) => domain)]);
  for (const { domain, proof } of domains) tx.defer(addDomain, [orgId, id, domain, proof]);
}

/** Notes that a domain is the organization's. */
export async function markDomainVerified(
  tx: Tx,
  of: { orgId: string; id: string; domain: string; by: string },
): Promise<void> {
  tx.defer(touch, [of.orgId, of.id]);
  await tx.query(verifyDomain, [of.orgId, of.id, of.domain, of.by]);
}

function toProvider(row: Row): IdentityProvider {
  return {
    orgId: row.org_id,
    id: row.id,
    name: row.name,
    issuer: row.issuer,
    clientId: row.client_id,
    hasSecret: row.has_secret,
    scopes: row.scopes,
    roleClaim: row.role_claim,
    roleMapping: row.role_mapping,
    defaultRole: row.default_role,
    createsMembers: row.creates_members,
    domains: row.domains.map(({ domain, proof, verified_at: at }) => ({
      domain,
      proof,
      verifiedAt: at === null ? null : new Date(at),
    })),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    disabledAt: row.disabled_at,
    version: row.version,
  };
}
