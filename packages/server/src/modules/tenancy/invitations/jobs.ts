import { statement, type Tx } from '../../../platform/db/index.ts';

const deleteOld = statement(
  'invitations.delete_old',
  `delete from invitations where coalesce(settled_at, expires_at) < now() - interval '90 days'`,
);

/** Deletes invitations, and with them addresses, 90 days after they ended. */
export async function deleteOldInvitations(tx: Tx): Promise<void> {
  await tx.query(deleteOld, []);
}
