import type { Tx } from '../../platform/db/index.ts';
import { erasePersonal, erasePersonalOfPerson } from './store-erasure.ts';
import { lockSequencing } from './store-sequencer.ts';

/** Erases what is personal in the log of an organization. Its leaves keep the digest, so the tree stays valid. */
export async function eraseOrganizationFromAudit(tx: Tx, orgId: string): Promise<number> {
  // Between being read and being placed a leaf must not change.
  await lockSequencing(tx);
  return erasePersonal(tx, orgId);
}

/** Erases what is personal wherever a person acted or was acted on, or where their e-mail address is mentioned. */
export async function erasePersonFromAudit(tx: Tx, person: { userId: string; email: string }): Promise<number> {
  await lockSequencing(tx);
  return erasePersonalOfPerson(tx, person);
}
