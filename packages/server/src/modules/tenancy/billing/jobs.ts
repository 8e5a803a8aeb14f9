import { statement, type Tx } from '../../../platform/db/index.ts';

// A message is refused for its age long before.
const deleteOld = statement(
  'billing.delete_old',
  `delete from billing_messages where received_at < now() - interval '1 day'`,
);

/** Forgets messages of billing that are too old to be taken again. */
export async function deleteOldBillingMessages(tx: Tx): Promise<void> {
  await tx.query(deleteOld, []);
}
