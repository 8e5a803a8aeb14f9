import { statement, type Tx } from '../../../platform/db/index.ts';

const take = statement<{ id: string }>(
  'billing.take',
  'insert into billing_messages (id) values ($1) on conflict on constraint billing_messages__pk do nothing returning id',
);
// A message is refused for its age long before.
const deleteOld = statement(
  'billing.delete_old',
  `delete from billing_messages where received_at < now() - interval '1 day'`,
);

/** Notes that a message has come; false when it had come already. */
export async function takeMessage(tx: Tx, id: string): Promise<boolean> {
  return (await tx.query(take, [id])).length > 0;
}

export async function deleteOldBillingMessages(tx: Tx): Promise<void> {
  await tx.query(deleteOld, []);
}
