import { statement, type Tx } from '../../../platform/db/index.ts';

const deleteExpired = statement(
  'login.delete_expired',
  `delete from refresh_tokens where expires_at < now() - interval '7 days'`,
);

/** Deletes refresh tokens that expired a week ago: until then a reuse still ends its family. */
export async function deleteExpiredTokens(tx: Tx): Promise<void> {
  await tx.query(deleteExpired, []);
}
