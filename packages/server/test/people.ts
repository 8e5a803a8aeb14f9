import { type ApiKeyId, newId, type OrganizationId } from '../src/kernel/ids.ts';
import type { MemberRole } from '../src/kernel/principal.ts';
import { describeKey, hashKey, newRawKey } from '../src/modules/identity/keys/model.ts';
import { hashPassword } from '../src/modules/identity/login/passwords.ts';
import type { TestDatabase } from './database.ts';

export type Person = { userId: string; email: string; password: string; orgId: OrganizationId };

/** A person with a password who is a member of an organization, an owner of a new one unless the test says otherwise. */
export async function aPerson(
  db: TestDatabase,
  { orgId, role = 'owner', password = 'correct horse' }: { orgId?: string; role?: MemberRole; password?: string } = {},
): Promise<Person> {
  const organization = (orgId ?? (await db.organization())) as OrganizationId;
  const userId = newId();
  const email = `${userId}@example.test`;
  await db.owner.query('insert into users (id, email, name, password_hash) values ($1, $2, $3, $4)', [
    userId,
    email,
    'A person',
    await hashPassword(password),
  ]);
  await db.owner.query('insert into memberships (org_id, user_id, role) values ($1, $2, $3)', [
    organization,
    userId,
    role,
  ]);
  return { userId, email, password, orgId: organization };
}

export type KeySeed = {
  orgId: string;
  scopes?: readonly string[];
  createdBy?: string | null;
  expiresInMs?: number;
  raw?: string;
};

/** An API key as the table has it; gives its id and the key itself. */
export async function aKey(db: TestDatabase, seed: KeySeed): Promise<{ id: ApiKeyId; raw: string }> {
  const { orgId, scopes = ['evaluations:read', 'evaluations:write'], createdBy = null, raw = newRawKey() } = seed;
  const id = newId() as ApiKeyId;
  const { prefix, lastFour } = describeKey(raw);
  await db.owner.query(
    `insert into api_keys (org_id, id, name, hash, prefix, last_four, scopes, created_by, expires_at)
     values ($1, $2, 'A key', $3, $4, $5, $6, $7, now() + make_interval(secs => $8))`,
    [orgId, id, hashKey(raw), prefix, lastFour, scopes, createdBy, seed.expiresInMs ? seed.expiresInMs / 1000 : null],
  );
  return { id, raw };
}
