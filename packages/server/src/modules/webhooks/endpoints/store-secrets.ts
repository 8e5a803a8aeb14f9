import { statement, type Tx } from '../../../platform/db/index.ts';

type Row = { webhook_id: string; version: number; key_version: number; sealed_secret: Buffer; expires_at: Date | null };

/** A secret as it is kept. */
export type SealedSecret = { keyVersion: number; bytes: Buffer };
export type SecretName = { orgId: string; webhookId: string; version: number };
export type StoredSecret = SecretName & { sealed: SealedSecret };

const insert = statement(
  'webhooks.insert_secret',
  `insert into webhook_secrets (org_id, webhook_id, version, key_version, sealed_secret) values ($1, $2, $3, $4, $5)`,
);
// A longer overlap than an earlier rotation gave revives nothing.
const expire = statement(
  'webhooks.expire_secrets',
  `update webhook_secrets set expires_at = least(expires_at, now() + make_interval(secs => $4))
   where org_id = $1 and webhook_id = $2 and version < $3`,
);
const drop = statement(
  'webhooks.drop_secrets',
  'delete from webhook_secrets where org_id = $1 and webhook_id = $2 and (version <= $3 or expires_at <= now())',
);
const newest = statement<{ version: number }>(
  'webhooks.newest_secret',
  'select max(version) as version from webhook_secrets where org_id = $1 and webhook_id = $2',
);
const toReseal = statement<Row>(
  'webhooks.secrets_to_reseal',
  `select webhook_id, version, key_version, sealed_secret, expires_at from webhook_secrets
   where org_id = $1 and key_version < $2 limit $3 for update skip locked`,
);
const reseal = statement(
  'webhooks.reseal_secret',
  `update webhook_secrets set key_version = $4, sealed_secret = $5
   where org_id = $1 and webhook_id = $2 and version = $3`,
);
const deleteExpired = statement(
  'webhooks.delete_expired_secrets',
  'delete from webhook_secrets where expires_at <= now()',
);

export function insertSecret(tx: Tx, { orgId, webhookId, version }: SecretName, sealed: SealedSecret): void {
  tx.defer(insert, [orgId, webhookId, version, sealed.keyVersion, sealed.bytes]);
}

/** The version of the newest secret of a webhook. */
export async function newestSecret(tx: Tx, orgId: string, webhookId: string): Promise<number> {
  return (await tx.query(newest, [orgId, webhookId]))[0]?.version ?? 0;
}

/** Ends the secrets before this one after the overlap, and at once those that are more than may sign beside it. */
export function endEarlierSecrets(
  tx: Tx,
  { orgId, webhookId, version }: SecretName,
  { overlapSeconds, most }: { overlapSeconds: number; most: number },
): void {
  tx.defer(expire, [orgId, webhookId, version, overlapSeconds]);
  tx.defer(drop, [orgId, webhookId, version - most]);
}

/** Secrets that are sealed with older data keys than this, locked. */
export async function lockSecretsBefore(
  tx: Tx,
  orgId: string,
  { keyVersion, limit }: { keyVersion: number; limit: number },
): Promise<StoredSecret[]> {
  const rows = await tx.query(toReseal, [orgId, keyVersion, limit]);
  return rows.map((row) => ({
    orgId,
    webhookId: row.webhook_id,
    version: row.version,
    sealed: { keyVersion: row.key_version, bytes: row.sealed_secret },
  }));
}

export function replaceSealedSecret(tx: Tx, { orgId, webhookId, version, sealed }: StoredSecret): void {
  tx.defer(reseal, [orgId, webhookId, version, sealed.keyVersion, sealed.bytes]);
}

/** Deletes secrets that sign nothing any more. */
export async function deleteExpiredSecrets(tx: Tx): Promise<void> {
  await tx.query(deleteExpired, []);
}
