import type { OrganizationId } from '../../../kernel/ids.ts';
import { ANONYMOUS, type Principal } from '../../../kernel/principal.ts';
import type { WebhookServices } from '../services.ts';
import type { Maker, Webhook } from './model.ts';

/** Whoever calls, as what bounds a webhook: the scopes of their credential are kept where it allows less than they may. */
export async function makerOf(by: Principal, { findPerson, scopesWithin }: WebhookServices): Promise<Maker> {
  const { kind, id, userId } = by;
  const person = userId === null ? null : await findPerson(String(by.orgId), userId);
  const held = person === null ? by.scopes : scopesWithin(person.scopes, by.scopes);
  const isAll = person !== null && [...person.scopes].every((scope) => held.has(scope));
  return { kind, id, userId: person === null ? null : userId, scopes: isAll ? null : [...by.scopes].sort() };
}

/** A webhook's maker as permissions see them now: nobody who may hear anything, once they are no member any more. */
export async function listenerOf(
  { orgId, maker }: Pick<Webhook, 'orgId' | 'maker'>,
  { findPerson, scopesWithin }: Pick<WebhookServices, 'findPerson' | 'scopesWithin'>,
): Promise<Principal> {
  const { kind, id, userId } = maker;
  const as = { ...ANONYMOUS, kind, id, orgId: orgId as OrganizationId, userId };
  if (userId === null) return { ...as, scopes: new Set(maker.scopes ?? []) };
  const person = await findPerson(orgId, userId);
  if (person === null) return as;
  return { ...as, scopes: maker.scopes === null ? person.scopes : scopesWithin(maker.scopes, person.scopes) };
}
