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
