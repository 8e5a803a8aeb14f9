import { statement, type Tx } from '../../../platform/db/index.ts';

export type StoredKey = {
  id: string;
  purpose: string;
  publicJwk: Record<string, unknown>;
  sealedPrivate: Buffer;
};

/** A key that verifies, and whether it signs too. */
export type LivingKey = StoredKey & { createdAt: Date; retiredAt: Date | null; verifiesUntil: Date | null };

type Row = {
  id: string;
  purpose: string;
  public_jwk: Record<string, unknown>;
  sealed_private: Buffer;
  created_at: Date;
  retired_at: Date | null;
  verifies_until: Date | null;
};

const living = statement<Row>(
  'signing_keys.living',
  `select id, purpose, public_jwk, sealed_private, created_at, retired_at, verifies_until from signing_keys
   where purpose = $1 and (retired_at is null or verifies_until > now()) order by created_at desc, id`,
);
const insert = statement(
  'signing_keys.insert',
  `insert into signing_keys (id, purpose, public_jwk, sealed_private) values ($1, $2, $3, $4)
   on conflict (purpose) where retired_at is null do nothing`,
);
// Whoever comes second waits here for the first, and then finds another key, which it leaves alone.
const retire = statement<{ id: string }>(
  'signing_keys.retire',
  `update signing_keys set retired_at = now(), verifies_until = now() + make_interval(secs => $3)
   where purpose = $1 and id = $2 and retired_at is null returning id`,
);
const distrust = statement(
  'signing_keys.distrust',
  'update signing_keys set verifies_until = now() where purpose = $1 and retired_at is not null and verifies_until > now()',
);
const deleteDead = statement(
  'signing_keys.delete_dead',
  `delete from signing_keys where purpose = $1 and verifies_until < now() - interval '1 day'`,
);

/** Keys that verify now, the newest first. */
export async function listLivingKeys(tx: Tx, purpose: string): Promise<LivingKey[]> {
  return (await tx.query(living, [purpose])).map((row) => ({
    id: row.id,
    purpose: row.purpose,
    publicJwk: row.public_jwk,
    sealedPrivate: row.sealed_private,
    createdAt: row.created_at,
    retiredAt: row.retired_at,
    verifiesUntil: row.verifies_until,
  }));
}

export async function insertKeyUnlessActive(tx: Tx, key: StoredKey): Promise<void> {
  await tx.query(insert, [key.id, key.purpose, JSON.stringify(key.publicJwk), key.sealedPrivate]);
}

/** Stops a key from signing; it verifies for a while. False when it had stopped already. */
export const retireKey = async (tx: Tx, { id, purpose }: StoredKey, verifiesSeconds: number): Promise<boolean> =>
  (await tx.query(retire, [purpose, id, verifiesSeconds])).length > 0;

/** What retired keys have signed is not believed any more. */
export const distrustRetiredKeys = (tx: Tx, purpose: string): void => tx.defer(distrust, [purpose]);

/** Deletes keys that verify nothing any more. */
export async function deleteDeadKeys(tx: Tx, purpose: string): Promise<void> {
  await tx.query(deleteDead, [purpose]);
}
