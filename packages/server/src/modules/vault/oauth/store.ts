import { statement, type Tx } from '../../../platform/db/index.ts';
import type { SealedValue } from '../keys/model.ts';
import type { PendingAuthorization } from './model.ts';

type Row = {
  org_id: string;
  credential_id: string;
  user_id: string;
  redirect_uri: string;
  return_to: string | null;
  key_version: number;
  sealed: Buffer;
  is_alive: boolean;
};

const insert = statement(
  'vault_oauth.insert',
  `insert into credential_authorizations
     (state_hash, org_id, credential_id, user_id, redirect_uri, return_to, key_version, sealed, expires_at)
   values ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9))`,
);
// Taken whoever brings it: a state that turned up in the wrong hands is good for nobody.
const take = statement<Row>(
  'vault_oauth.take',
  `delete from credential_authorizations where state_hash = $1
   returning org_id, credential_id, user_id, redirect_uri, return_to, key_version, sealed, expires_at > now() as is_alive`,
);
const deleteOld = statement<{ state_hash: Buffer }>(
  'vault_oauth.delete_old',
  `delete from credential_authorizations where state_hash in (
     select state_hash from credential_authorizations where expires_at < now() limit 1000) returning state_hash`,
);

export type NewAuthorization = PendingAuthorization & { stateHash: Buffer; sealed: SealedValue; seconds: number };

export async function insertAuthorization(tx: Tx, of: NewAuthorization): Promise<void> {
  const { stateHash, orgId, credentialId, userId, redirectUri, returnTo, sealed, seconds } = of;
  const where = [stateHash, orgId, credentialId, userId, redirectUri, returnTo];
  await tx.query(insert, [...where, sealed.keyVersion, sealed.bytes, seconds]);
}

/** Takes an authorization that was begun, once; null when there is none, or its time is over. */
export async function takeAuthorization(
  tx: Tx,
  stateHash: Buffer,
): Promise<(PendingAuthorization & { sealed: SealedValue }) | null> {
  const [row] = await tx.query(take, [stateHash]);
  if (!row?.is_alive) return null;
  return {
    orgId: row.org_id,
    credentialId: row.credential_id,
    userId: row.user_id,
    redirectUri: row.redirect_uri,
    returnTo: row.return_to,
    sealed: { keyVersion: row.key_version, bytes: row.sealed },
  };
}

/** Forgets people who did not come back; gives how many. */
export const deleteOldAuthorizations = async (tx: Tx): Promise<number> => (await tx.query(deleteOld, [])).length;
