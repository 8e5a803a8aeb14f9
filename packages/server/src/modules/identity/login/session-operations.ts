import { isUuid } from '../../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import { type AnyOperation, operation } from '../../../platform/operation.ts';
import { personOf } from '../accounts/person.ts';
import type { AccountServices } from '../accounts/services.ts';
import { loginErrors } from '../errors.ts';
import { endLoginOf, endLoginsOf, type LoginView, listLogins } from './store-sessions.ts';

/** A login in the list of its owner; `isCurrent` is the one that asks. */
export type OwnLogin = LoginView & { isCurrent: boolean };

/** Operations on one's own logins. */
export function ownLoginOperations(services: Pick<AccountServices, 'statements' | 'grantsChanged' | 'audit'>) {
  const listOwnLogins = operation({
    name: 'identity.session.list',
    summary: 'List where you are signed in: how, with what, from where and since when.',
    scope: 'authenticated',
    effect: 'read',
    rate: 'control',
    audit: null,
    transaction: 'none',
    run: (context, input: { limit: number; cursor: string | null }): Promise<Page<OwnLogin>> =>
      services.statements(async (tx) => {
        const { userId, loginId } = await personOf(context, tx);
        const [after = null] = input.cursor === null ? [] : decodeCursor(input.cursor, [isUuid]);
        const found = await listLogins(tx, userId, { after, limit: input.limit + 1 });
        const items = found.slice(0, input.limit).map((login) => ({ ...login, isCurrent: login.id === loginId }));
        const last = items.at(-1);
        return { items, nextCursor: found.length > input.limit && last ? encodeCursor([last.id]) : null };
      }),
  });

  const endOwnLogin = operation({
    name: 'identity.session.revoke',
    summary: 'End one of your logins, at once.',
    scope: 'authenticated',
    effect: 'wind_down',
    rate: 'control',
    audit: 'own',
    transaction: 'system',
    async run(context, input: { id: string }): Promise<void> {
      const { tx, by } = context;
      const { userId } = await personOf(context, tx);
      if (!isUuid(input.id) || !(await endLoginOf(tx, userId, input.id))) {
        throw loginErrors.not_found('You have no login with this id.');
      }
      services.grantsChanged(tx);
      const target = { type: 'login', id: input.id };
      services.audit(context, { orgId: by.orgId, userId }, { action: 'login.ended', target });
    },
  });

  const endAllOwnLogins = operation({
    name: 'identity.session.revoke_all',
    summary: 'Sign out everywhere: ends all your logins, this one too.',
    scope: 'authenticated',
    effect: 'wind_down',
    rate: 'control',
    audit: 'own',
    transaction: 'system',
    async run(context): Promise<{ ended: number }> {
      const { tx, by } = context;
      const { userId } = await personOf(context, tx);
      const ended = await endLoginsOf(tx, userId, null);
      services.grantsChanged(tx);
      const act = { action: 'login.all_ended', target: { type: 'user', id: userId }, detail: { ended } };
      services.audit(context, { orgId: by.orgId, userId }, act);
      return { ended };
    },
  });

  return { listOwnLogins, endOwnLogin, endAllOwnLogins } satisfies Record<string, AnyOperation>;
}
