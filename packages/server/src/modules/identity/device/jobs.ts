import { statement, type Tx } from '../../../platform/db/index.ts';

const deleteOld = statement(
  'device.delete_old',
  `delete from device_authorizations where expires_at < now() - interval '1 day'`,
);

/** Deletes requests of devices that expired a day ago: until then a late poll is told why it gets nothing. */
export async function deleteOldDeviceRequests(tx: Tx): Promise<void> {
  await tx.query(deleteOld, []);
}
