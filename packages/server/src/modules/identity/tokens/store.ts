import { statement, type Tx } from '../../../platform/db/index.ts';

export type StoredKey = { id: string; purpose: string; publicJwk: Record<string, unknown>; sealedPrivate: Buffer };

const active = statement<{ id: string; purpose: string; public_jwk: Record<string, unknown>; sealed_private: Buffer }>(
  'signing_keys.active',
  'select id, purpose, public_jwk, sealed_private from signing_keys where purpose = $1 and retired_at is null',
);
const insert = statement(
  'signing_keys.insert',
  `insert into signing_keys (id, purpose, public_jwk, sealed_private) values ($1, $2, $3, $4)
   on conflict (purpose) where retired_at is null do nothing`,
);

export async function findActiveKey(tx: Tx, purpose: string): Promise<StoredKey | null> {
  const [row] = await tx.query(active, [purpose]);
  return row
    ? { id: row.id, purpose: row.purpose, publicJwk: row.public_jwk, sealedPrivate: row.sealed_private }
    : null;
}

export async function insertKeyUnlessActive(tx: Tx, key: StoredKey): Promise<void> {
  await tx.query(insert, [key.id, key.purpose, JSON.stringify(key.publicJwk), key.sealedPrivate]);
}
