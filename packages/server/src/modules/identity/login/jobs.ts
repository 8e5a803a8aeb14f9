import { statement, type Tx } from '../../../platform/db/index.ts';

const deleteExpired = statement(
  'login.delete_expired',
  `delete from logins where expires_at < now() - interval '7 days'`,
);

/** Deletes logins that expired a week ago, with their tokens: until then a reuse still ends them. */
export async function deleteExpiredLogins(tx: Tx): Promise<void> {
  await tx.query(deleteExpired, []);
}
