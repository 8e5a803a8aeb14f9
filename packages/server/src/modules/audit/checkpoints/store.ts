import { statement, type Tx } from '../../../platform/db/index.ts';

/** A signing key as it is kept. `publicKey` are the 32 bytes of Ed25519. */
export type StoredKey = { id: string; publicKey: Buffer; sealedPrivate: Buffer };
export type ListedKey = { id: string; publicKey: Buffer; createdAt: Date; retiredAt: Date | null };
type Jwk = { x: string };

const active = statement<{ id: string; public_jwk: Jwk; sealed_private: Buffer }>(
  'audit.active_key',
  `select id, public_jwk, sealed_private from signing_keys where purpose = 'audit_checkpoint' and retired_at is null`,
);
const list = statement<{ id: string; public_jwk: Jwk; created_at: Date; retired_at: Date | null }>(
  'audit.keys',
  `select id, public_jwk, created_at, retired_at from signing_keys where purpose = 'audit_checkpoint'
   order by created_at, id`,
);
const insert = statement(
  'audit.insert_key',
  `insert into signing_keys (id, purpose, public_jwk, sealed_private) values ($1, 'audit_checkpoint', $2, $3)
   on conflict (purpose) where retired_at is null do nothing`,
);
const retire = statement<{ id: string }>(
  'audit.retire_key',
  `update signing_keys set retired_at = now() where purpose = 'audit_checkpoint' and retired_at is null returning id`,
);

const bytesOf = ({ x }: Jwk): Buffer => Buffer.from(x, 'base64url');

export async function findActiveKey(tx: Tx): Promise<StoredKey | null> {
  const [row] = await tx.query(active, []);
  return row ? { id: row.id, publicKey: bytesOf(row.public_jwk), sealedPrivate: row.sealed_private } : null;
}

/** Every key that ever signed checkpoints, oldest first. */
export async function listKeys(tx: Tx): Promise<ListedKey[]> {
  return (await tx.query(list, [])).map((row) => ({
    id: row.id,
    publicKey: bytesOf(row.public_jwk),
    createdAt: row.created_at,
    retiredAt: row.retired_at,
  }));
}

/** Adds a key, unless another one is active. */
export async function insertKey(tx: Tx, id: string, jwk: object, sealedPrivate: Buffer): Promise<void> {
  await tx.query(insert, [id, JSON.stringify(jwk), sealedPrivate]);
}

/** Retires the active key; gives its id. It stays listed, since it signed what others hold. */
export async function retireKey(tx: Tx): Promise<string | null> {
  return (await tx.query(retire, []))[0]?.id ?? null;
}
