import { statement, type Tx } from '../../../platform/db/index.ts';
import type { SealedValue } from '../keys/model.ts';
import type { Credential, CredentialConfig, CredentialKind, CredentialStatus } from './model.ts';

type Row = {
  org_id: string;
  id: string;
  name: string;
  kind: CredentialKind;
  provider: string | null;
  user_id: string | null;
  status: CredentialStatus;
  allow_user_override: boolean;
  scopes: string[];
  provider_config: CredentialConfig;
  key_version: number | null;
  sealed: Buffer | null;
  sealed_version: number;
  created_by: string | null;
  created_at: Date;
  updated_at: Date;
  last_minted_at: Date | null;
  last_minted_status: string | null;
  revoked_at: Date | null;
};
const COLUMNS = `org_id, id, name, kind, provider, user_id, status, allow_user_override, scopes, provider_config,
  key_version, sealed, sealed_version, created_by, created_at, updated_at, last_minted_at, last_minted_status, revoked_at`;

const insert = statement<Row>(
  'credentials.insert',
  `insert into credentials (org_id, id, name, kind, provider, user_id, status, allow_user_override, scopes,
     provider_config, key_version, sealed, created_by)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) returning ${COLUMNS}`,
);
const byId = statement<Row>('credentials.by_id', `select ${COLUMNS} from credentials where org_id = $1 and id = $2`);
const lock = statement<Row>(
  'credentials.lock',
  `select ${COLUMNS} from credentials where org_id = $1 and id = $2 for update`,
);
// The person's own before the organization's, where that lets itself be overridden.
const resolve = statement<Row>(
  'credentials.resolve',
  `select ${COLUMNS} from credentials c
   where c.org_id = $1 and c.name = $2 and c.status <> 'revoked'
     and (c.user_id is null or (c.user_id = $3 and not exists (
       select from credentials shared
       where shared.org_id = $1 and shared.name = $2 and shared.user_id is null and shared.status <> 'revoked'
         and not shared.allow_user_override)))
   order by c.user_id nulls last limit 1`,
);
// The page begins behind a row, not behind a moment: the driver's dates are coarser than the column's.
const list = statement<Row>(
  'credentials.list',
  `select ${COLUMNS} from credentials where org_id = $1
     and ($2::uuid is null or (created_at, id) < (
       select last.created_at, last.id from credentials last where last.org_id = $1 and last.id = $2))
     and ($4::uuid is null or user_id is null or user_id = $4)
   order by created_at desc, id desc limit $3`,
);
const revoke = statement<Row>(
  'credentials.revoke',
  `update credentials set status = 'revoked', sealed = null, key_version = null, revoked_at = now(), updated_at = now()
   where org_id = $1 and id = $2 returning ${COLUMNS}`,
);
const note = statement<Row>(
  'credentials.note_minting',
  `update credentials set status = $3, last_minted_status = $4, updated_at = now(),
     last_minted_at = case when $5 then now() else last_minted_at end
   where org_id = $1 and id = $2 and status <> 'revoked' returning ${COLUMNS}`,
);
const replaceSecret = statement<{ id: string }>(
  'credentials.replace_secret',
  `update credentials set key_version = $4, sealed = $5, sealed_version = $3 + 1, updated_at = now()
   where org_id = $1 and id = $2 and sealed_version = $3 and status <> 'revoked' returning id`,
);
const toReseal = statement<Row>(
  'credentials.to_reseal',
  `select ${COLUMNS} from credentials where org_id = $1 and key_version < $2 limit $3 for update skip locked`,
);
const reseal = statement(
  'credentials.reseal',
  'update credentials set key_version = $3, sealed = $4 where org_id = $1 and id = $2',
);
const deleteRevoked = statement<{ id: string }>(
  'credentials.delete_revoked',
  `delete from credentials where (org_id, id) in (
     select org_id, id from credentials where revoked_at < now() - make_interval(days => $1) limit 1000)
   returning id`,
);

export type NewCredentialRow = Pick<
  Credential,
  | 'orgId'
  | 'id'
  | 'name'
  | 'kind'
  | 'provider'
  | 'userId'
  | 'status'
  | 'allowUserOverride'
  | 'scopes'
  | 'config'
  | 'createdBy'
> & { sealed: SealedValue };

export async function insertCredential(tx: Tx, row: NewCredentialRow): Promise<Credential> {
  const values = [row.orgId, row.id, row.name, row.kind, row.provider, row.userId, row.status, row.allowUserOverride];
  const rest = [row.scopes, JSON.stringify(row.config), row.sealed.keyVersion, row.sealed.bytes, row.createdBy];
  return toCredential((await tx.query(insert, [...values, ...rest]))[0] as Row);
}

export const findCredential = async (tx: Tx, orgId: string, id: string): Promise<Credential | null> =>
  one(await tx.query(byId, [orgId, id]));

/** Finds a credential and locks its row until the transaction ends. */
export const lockCredential = async (tx: Tx, orgId: string, id: string): Promise<Credential | null> =>
  one(await tx.query(lock, [orgId, id]));

/** The credential that a name stands for when this person calls. */
export const resolveCredential = async (
  tx: Tx,
  { orgId, name, userId }: { orgId: string; name: string; userId: string | null },
): Promise<Credential | null> => one(await tx.query(resolve, [orgId, name, userId]));

export type CredentialPage = {
  after: string | null;
  limit: number;
  /** Of people only this one's, beside the organization's; null for everybody's. */
  visibleTo: string | null;
};

/** Credentials, newest first. */
export const listCredentials = async (tx: Tx, orgId: string, page: CredentialPage): Promise<Credential[]> =>
  (await tx.query(list, [orgId, page.after, page.limit, page.visibleTo])).map(toCredential);

/** Ends a credential, and throws away what is secret of it. */
export async function revokeCredential(tx: Tx, { orgId, id }: Credential): Promise<Credential> {
  return toCredential((await tx.query(revoke, [orgId, id]))[0] as Row);
}

/** Writes down what came of an attempt to mint; null for a credential that was revoked meanwhile. */
export const noteMinting = async (
  tx: Tx,
  { orgId, id }: Pick<Credential, 'orgId' | 'id'>,
  to: { status: CredentialStatus; outcome: string; isMinted: boolean },
): Promise<Credential | null> => one(await tx.query(note, [orgId, id, to.status, to.outcome, to.isMinted]));

/** Puts other content in, unless somebody else did since it was read; false then. */
export async function replaceCredentialSecret(tx: Tx, of: Credential, sealed: SealedValue): Promise<boolean> {
  const values = [of.orgId, of.id, of.sealedVersion, sealed.keyVersion, sealed.bytes];
  return (await tx.query(replaceSecret, values)).length > 0;
}

/** Credentials that are sealed with older data keys than this, locked. */
export const lockCredentialsBefore = async (
  tx: Tx,
  orgId: string,
  { keyVersion, limit }: { keyVersion: number; limit: number },
): Promise<Credential[]> => (await tx.query(toReseal, [orgId, keyVersion, limit])).map(toCredential);

export const resealCredential = (tx: Tx, { orgId, id }: Credential, sealed: SealedValue): void =>
  tx.defer(reseal, [orgId, id, sealed.keyVersion, sealed.bytes]);

/** Forgets credentials that were revoked so many days ago; gives how many. */
export const deleteRevokedCredentials = async (tx: Tx, days: number): Promise<number> =>
  (await tx.query(deleteRevoked, [days])).length;

const one = ([row]: readonly Row[]): Credential | null => (row ? toCredential(row) : null);

const toCredential = (row: Row): Credential => ({
  orgId: row.org_id,
  id: row.id,
  name: row.name,
  kind: row.kind,
  provider: row.provider,
  userId: row.user_id,
  status: row.status,
  allowUserOverride: row.allow_user_override,
  scopes: row.scopes,
  config: row.provider_config,
  sealed: row.sealed === null || row.key_version === null ? null : { keyVersion: row.key_version, bytes: row.sealed },
  sealedVersion: row.sealed_version,
  createdBy: row.created_by,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  lastMintedAt: row.last_minted_at,
  lastMintedStatus: row.last_minted_status,
  revokedAt: row.revoked_at,
});
