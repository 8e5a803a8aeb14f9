import { isUuid } from '../../../kernel/ids.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { type AnyOperation, type Call, operation } from '../../../platform/operation.ts';
import { memberErrors, userErrors } from '../errors.ts';
import { removeMember } from '../members/removal.ts';
import { lockAnyOrganization } from '../organizations/store.ts';
import type { TenancyServices } from '../ports.ts';
import { findUserById } from '../reads.ts';
import * as store from './store.ts';

/** Who was erased, and which organizations they were taken out of. */
export type Erased = { userId: string; organizationIds: string[] };

export const personOperations = (services: TenancyServices) => {
  const eraseUser = operation({
    name: 'tenancy.user.erase',
    summary: 'Erase a person for good: account, sign-ins and personal data, everywhere.',
    scope: 'platform',
    effect: 'wind_down',
    rate: 'control',
    audit: 'own',
    transaction: 'system',
    run: async ({ tx, call }, { id }: { id: string }): Promise<Erased> => erase(tx, { call, id }, services),
  });

  const eraseMe = operation({
    name: 'tenancy.user.erase_me',
    summary: 'Erase yourself for good; give your e-mail address to show that you mean it.',
    scope: 'authenticated',
    effect: 'wind_down',
    rate: 'login',
    audit: 'own',
    transaction: 'system',
    async run({ tx, by, call }, { email }: { email: string }): Promise<Erased> {
      if (by.kind !== 'user') throw memberErrors.people_only('A key cannot erase its person. Sign in to do that.');
      await services.accounts.assertInPerson(tx, by, { recent: true });
      const person = await findUserById(tx, by.id);
      if (person?.email !== email.toLowerCase()) {
        throw userErrors.confirmation_wrong('`email` is not your address. Give it to show that you mean it.', {
          faults: [{ field: 'email', constraint: 'own_address', message: 'Must be your e-mail address.' }],
        });
      }
      return erase(tx, { call, id: by.id }, services);
    },
  });
  return { eraseUser, eraseMe } satisfies Record<string, AnyOperation>;
};

/**
 * Lock order: organizations by id, then the person. One that they joined between the two is locked late; should that
 * meet somebody who locks the other way round, the database ends one of the two, and it can be tried again.
 */
async function erase(tx: Tx, { call, id }: { call: Call; id: string }, services: TenancyServices): Promise<Erased> {
  const seats = isUuid(id) ? await store.findSeats(tx, id) : [];
  for (const { orgId } of seats) await lockAnyOrganization(tx, orgId);
  const person = isUuid(id) ? await store.lockPerson(tx, id) : null;
  if (!person) throw userErrors.not_found('There is no person with this id.');
  const act = { action: 'user.erased', target: { type: 'user', id }, detail: {}, personal: {} };
  if (seats.length === 0) services.recorder.audit(tx, { call, orgId: null }, act);
  for (const { orgId, role, isDeleted } of await store.findSeats(tx, id)) {
    await lockAnyOrganization(tx, orgId);
    const member = { userId: id, role, kind: 'person' } as Parameters<typeof removeMember>[1]['member'];
    // What is deleted may be restored, and nobody can say any more what bounded the keys there.
    if (isDeleted) await services.keys.revokeOf(tx, orgId, id);
    else await removeMember(tx, { orgId, member }, services);
    services.recorder.audit(tx, { call, orgId }, { ...act, detail: { role } });
    services.recorder.emit(tx, orgId, { type: 'member.removed', subject: id, data: { user_id: id } });
  }
  await services.erasePersonal.ofPerson(tx, person);
  await store.deletePerson(tx, person);
  services.grantsChanged(tx);
  return { userId: id, organizationIds: seats.map(({ orgId }) => orgId) };
}
