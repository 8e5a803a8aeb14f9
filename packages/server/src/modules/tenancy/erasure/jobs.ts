import type { Tx } from '../../../platform/db/index.ts';
import { deletePerson } from '../people/store.ts';
import type { TenancyServices } from '../ports.ts';
import * as store from './store.ts';

/**
 * Erases organizations whose grace is over. Bulk goes in batches that commit by themselves, so a crash costs nothing: the
 * next run goes on. People, memberships and the tombstone are one last transaction.
 */
export async function eraseDueOrganizations(services: TenancyServices): Promise<number> {
  const due = await services.systemStatements(store.listDueOrganizations);
  let erased = 0;
  for (const { id } of due) if (await eraseOrganization(services, id)) erased += 1;
  return erased;
}

async function eraseOrganization(services: TenancyServices, orgId: string): Promise<boolean> {
  const { systemTransaction, systemStatements, erasePersonal, grantsChanged } = services;
  const tables = await systemStatements(store.listOwnedTables);
  for (const table of tables.filter(({ isLast }) => !isLast)) {
    while ((await systemStatements((tx) => store.eraseBatch(tx, table, orgId))) > 0);
  }
  return systemTransaction(async (tx) => {
    if (!(await store.lockDueOrganization(tx, orgId))) return false;
    const people = await store.findLonePeople(tx, orgId);
    store.dropKeyGrantsOf(tx, orgId);
    for (const table of tables) await eraseAll(tx, table, orgId);
    for (const person of people) {
      await erasePersonal.ofPerson(tx, person);
      await deletePerson(tx, person);
    }
    await erasePersonal.ofOrganization(tx, orgId);
    await store.leaveTombstone(tx, orgId);
    grantsChanged(tx);
    return true;
  });
}

async function eraseAll(tx: Tx, table: store.OwnedTable, orgId: string): Promise<void> {
  while ((await store.eraseBatch(tx, table, orgId)) > 0);
}
