import type { Principal } from '../../../kernel/principal.ts';
import { coverage, KEY_TEMPLATES, type KeyTemplate, SCOPES, scopesOfMember, scopesWithin } from '../../access/index.ts';
import { keyErrors } from '../errors.ts';
import { AllowList, canonicalNetwork, MOST_NETWORKS } from './allow-list.ts';
import type { ApiKey } from './model.ts';

/** What a key may be and from where it may be used. */
export type Restrictions = { expiresAt: Date | null; allowedAddresses: readonly string[] };

/**
 * Scopes asked for one by one or by template, each once.
 * @throws AppError for scopes that do not exist, and for those beyond what the asker holds
 */
export function chooseScopes(wanted: readonly string[], own: ReadonlySet<string>, whose = 'You lack'): string[] {
  const asked = [...new Set(wanted)];
  const unknown = asked.filter((scope) => !Object.hasOwn(SCOPES, scope));
  if (unknown.length > 0) {
    throw keyErrors.unknown_scope(
      `Unknown scopes: ${unknown.join(', ')}. Known are: ${Object.keys(SCOPES).join(', ')}.`,
      {
        faults: unknown.map((scope) => ({
          field: 'scopes',
          constraint: 'known_scope',
          message: `Unknown scope ${scope}.`,
        })),
      },
    );
  }
  const beyond = asked.filter((scope) => coverage(own, scope) !== 'all');
  if (beyond.length === 0) return asked;
  throw keyErrors.scope_beyond_yours(`A key can't hold more than its creator. ${whose}: ${beyond.join(', ')}.`, {
    faults: beyond.map((scope) => ({ field: 'scopes', constraint: 'within_creator', message: `${whose} ${scope}.` })),
  });
}

/**
 * What a template comes to for somebody who makes a key by it. The template itself is kept where what it gives is cut to
 * the person behind the key anyway; a credential that holds less than its person pins the list.
 * @throws AppError `denied` for somebody who holds nothing of it
 */
export function chooseTemplate(by: Principal, template: KeyTemplate): Pick<ApiKey, 'scopes' | 'template'> {
  const all = KEY_TEMPLATES[template];
  const held = [...scopesWithin(all, by.scopes)];
  if (held.length === 0) chooseScopes(all, by.scopes);
  const isWhole = all.every((scope) => coverage(by.scopes, scope) === 'all');
  const ofRole = by.role === null || by.userId === null ? null : scopesOfMember(by.role, null);
  const isRoleWhole =
    ofRole !== null && [...scopesWithin(all, ofRole)].every((scope) => coverage(by.scopes, scope) === 'all');
  return isWhole || isRoleWhole ? { scopes: [...all], template } : { scopes: held, template: null };
}

/**
 * Networks in the form in which they are kept, each once.
 * @throws AppError `invalid` for what is no network
 */
export function chooseAddresses(wanted: readonly string[]): string[] {
  const networks = wanted.map(canonicalNetwork);
  const wrong = wanted.filter((_text, index) => networks[index] === null);
  if (wrong.length > 0 || wanted.length > MOST_NETWORKS) {
    const message = `Give at most ${MOST_NETWORKS} addresses or networks in CIDR notation, 192.0.2.0/24 for example`;
    throw keyErrors.address_invalid(wrong.length > 0 ? `${message}; not: ${wrong.join(', ')}.` : `${message}.`, {
      faults: [{ field: 'allowed_addresses', constraint: 'cidr', message: `${message}.` }],
    });
  }
  return [...new Set(networks.filter((network) => network !== null))];
}

/** @throws AppError `invalid` for a time that has passed */
export function assertFuture(expiresAt: Date | null): void {
  if (expiresAt === null || expiresAt > new Date()) return;
  throw keyErrors.expiry_in_past('`expires_at` is in the past. Give a later time, or leave it out.', {
    faults: [{ field: 'expires_at', constraint: 'future', message: 'Must be in the future.' }],
  });
}

/**
 * Whoever can make, change or see the secret of a key can use it: it must not reach beyond them.
 * @throws AppError `denied` when the key holds a scope that the caller lacks
 */
export function assertHolds(by: Principal, key: Pick<ApiKey, 'scopes'>): void {
  const beyond = key.scopes.filter((scope) => coverage(by.scopes, scope) !== 'all');
  if (beyond.length === 0) return;
  throw keyErrors.scope_beyond_yours(
    `This key holds more than you do, so you can end it but not change it. You lack: ${beyond.join(', ')}.`,
  );
}

/**
 * What a key makes or changes lives no longer than it does, and is used from nowhere else.
 * @throws AppError `denied` when it would
 */
export function assertNoWider(parent: Restrictions, child: Restrictions): void {
  const outlives =
    parent.expiresAt !== null && (child.expiresAt === null || child.expiresAt.getTime() > parent.expiresAt.getTime());
  if (outlives) {
    throw keyErrors.restriction_beyond_yours(
      `The key that you are using expires at ${parent.expiresAt?.toISOString()}: no key of its making lives longer.`,
      { faults: [{ field: 'expires_at', constraint: 'within_creator', message: 'Must not be later than your own.' }] },
    );
  }
  if (parent.allowedAddresses.length === 0) return;
  const allowed = new AllowList(parent.allowedAddresses);
  if (child.allowedAddresses.length > 0 && child.allowedAddresses.every((network) => allowed.covers(network))) return;
  throw keyErrors.restriction_beyond_yours(
    `The key that you are using works from ${parent.allowedAddresses.join(', ')} only: so must every key of its making.`,
    { faults: [{ field: 'allowed_addresses', constraint: 'within_creator', message: 'Must be within your own.' }] },
  );
}
