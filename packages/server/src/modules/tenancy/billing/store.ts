import { statement, type Tx } from '../../../platform/db/index.ts';

const take = statement<{ id: string }>(
  'billing.take',
  'insert into billing_messages (id) values ($1) on conflict on constraint billing_messages__pk do nothing returning id',
);

/** Notes that a message has come; false when it had come already. */
export async function takeMessage(tx: Tx, id: string): Promise<boolean> {
  return (await tx.query(take, [id])).length > 0;
}
