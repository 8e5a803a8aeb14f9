import { type AnyOperation, operation } from '../../../platform/operation.ts';
import { accountErrors } from '../errors.ts';
import { personOf } from './person.ts';
import type { AccountServices } from './services.ts';
import { type Account, findAccountById, renameAccount } from './store.ts';

/** What somebody sees of their own account. */
export type Profile = Pick<Account, 'id' | 'email' | 'name' | 'createdAt'> & {
  hasPassword: boolean;
  hasSecondFactor: boolean;
};

/** Operations on one's own profile. */
export function profileOperations(services: AccountServices) {
  const { statements, secondFactors } = services;

  const getProfile = operation({
    name: 'identity.profile.get',
    summary: 'Your own name, e-mail address, and how you can sign in.',
    scope: 'authenticated',
    effect: 'read',
    rate: 'control',
    audit: null,
    transaction: 'none',
    run: (context): Promise<Profile> =>
      statements(async (tx) => {
        const { userId } = await personOf(context, tx);
        const account = existing(await findAccountById(tx, userId));
        return profileOf(account, await secondFactors.isOn(tx, userId));
      }),
  });

  const updateProfile = operation({
    name: 'identity.profile.update',
    summary: 'Change your name.',
    scope: 'authenticated',
    effect: 'wind_down',
    rate: 'control',
    audit: 'own',
    transaction: 'system',
    async run(context, input: { name: string }): Promise<Profile> {
      const { tx, by } = context;
      const { userId } = await personOf(context, tx);
      const before = existing(await findAccountById(tx, userId));
      const after = existing(await renameAccount(tx, userId, input.name));
      services.audit(
        context,
        { orgId: by.orgId, userId },
        {
          action: 'profile.updated',
          target: { type: 'user', id: userId },
          personal: { before: before.name, after: after.name },
        },
      );
      return profileOf(after, await secondFactors.isOn(tx, userId));
    },
  });

  return { getProfile, updateProfile } satisfies Record<string, AnyOperation>;
}

/** @throws AppError `not_found` for an account that was erased meanwhile */
export function existing(account: Account | null): Account {
  if (account === null) throw accountErrors.not_found('There is no such account any more.');
  return account;
}

const profileOf = ({ id, email, name, createdAt, passwordHash }: Account, hasSecondFactor: boolean): Profile => ({
  id,
  email,
  name,
  createdAt,
  hasPassword: passwordHash !== null,
  hasSecondFactor,
});
