import { statement, type Tx } from '../../../platform/db/index.ts';

const insertGrant = statement(
  'platform.grant',
  `insert into platform_grants (principal_kind, principal_id, granted_by) values ($1, $2, $3)
   on conflict (principal_kind, principal_id) do nothing`,
);

/** Makes a principal an administrator of the installation. */
export function grantPlatform(tx: Tx, to: { kind: 'user' | 'api_key'; id: string }, grantedBy: string): void {
  tx.defer(insertGrant, [to.kind, to.id, grantedBy]);
}

const standing = statement<{ is_disabled: boolean; is_platform_admin: boolean }>(
  'platform.standing',
  `select u.disabled_at is not null as is_disabled,
     exists (select 1 from platform_grants g where g.principal_kind = 'user' and g.principal_id = u.id) as is_platform_admin
   from users u where u.id = $1`,
);
/** Whether a person or service account is disabled, and whether they govern the installation; null for nobody. */
export async function findStanding(
  tx: Tx,
  userId: string,
): Promise<{ isDisabled: boolean; isPlatformAdmin: boolean } | null> {
  const [row] = await tx.query(standing, [userId]);
  return row ? { isDisabled: row.is_disabled, isPlatformAdmin: row.is_platform_admin } : null;
}
