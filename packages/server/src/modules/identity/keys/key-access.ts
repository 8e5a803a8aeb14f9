import { isUuid, type OrganizationId } from '../../../kernel/ids.ts';
import { assertExpected, type Expected } from '../../../kernel/precondition.ts';
import type { Tx } from '../../../platform/db/index.ts';
import type { Context } from '../../../platform/operation.ts';
import { coverage } from '../../access/index.ts';
import { keyErrors } from '../errors.ts';
import { assertHolds, assertNoWider, type Restrictions } from './bounds.ts';
import type { ApiKey } from './model.ts';
import * as store from './store.ts';

export type KeyServices = {
  /** Drops cached grants here at the commit, and on every other process. */
  grantsChanged(tx: Context['tx']): void;
  /** On the system handle: what a key reaches within today's bounds, alive or not. */
  reachOf(orgId: string, id: string): Promise<KeyReach | null>;
};

/** Scopes that a key comes to, and whether it governs the installation. */
export type KeyReach = { scopes: ReadonlySet<string>; isPlatformAdmin: boolean };

export const orgOf = (context: Pick<Context, 'by'>): OrganizationId => context.by.orgId as OrganizationId;

/** Whose keys the caller reaches: everybody's (null), or those of one maker. A caller behind whom nobody is made none. */
export const makerOf = ({ by, ownOnly }: Pick<Context, 'by' | 'ownOnly'>): string | null =>
  ownOnly ? (by.userId ?? by.id) : null;

/** @throws AppError `not_found` when the organization has no such key, or the caller does not reach it */
export async function requireKey(
  context: Context,
  id: string,
  find: (tx: Tx, orgId: OrganizationId, id: string) => Promise<ApiKey | null> = store.findKey,
): Promise<ApiKey> {
  const key = isUuid(id) ? await find(context.tx, orgOf(context), id) : null;
  const maker = makerOf(context);
  if (!key || (maker !== null && key.createdBy !== maker))
    throw keyErrors.not_found('There is no API key with this id.');
  return key;
}

/**
 * Finds a key that is to be changed into something that works, and locks it. Whoever changes it may see its secret, so it
 * must not reach beyond them: now, or later. A key that could grow further than its changer is pinned to what it reaches.
 * @throws AppError `not_found`, `precondition`, `conflict` for a revoked key, `denied` for one that reaches beyond the caller
 */
export async function requireChangeable(
  { reachOf }: KeyServices,
  context: Context,
  { id, expected }: { id: string; expected: Expected },
): Promise<ApiKey> {
  const { by, tx } = context;
  const key = await requireKey(context, id, store.lockKey);
  if (key.revokedAt) throw keyErrors.revoked('This API key was revoked, and that is final. Create another.');
  assertExpected(expected, key.version);
  const reach = await reachOf(orgOf(context), key.id);
  const scopes = [...(reach?.scopes ?? key.scopes)];
  assertHolds(by, { scopes });
  await assertWithinCaller(context, key);
  if (!by.isPlatformAdmin && reach?.isPlatformAdmin) {
    throw keyErrors.scope_beyond_yours('This key governs the installation, so only its administrators may change it.');
  }
  if (key.scopes.every((scope) => coverage(by.scopes, scope) === 'all')) return key;
  return (await store.updateKey(tx, key, { ...key, scopes, template: null })) ?? key;
}

/** What the caller's own credential is restricted to: a key's restrictions; a login has none. */
export async function restrictionsOf(context: Context): Promise<Restrictions> {
  const { by, tx } = context;
  const parent = by.kind === 'api_key' ? await store.findKey(tx, orgOf(context), by.id) : null;
  return { expiresAt: parent?.expiresAt ?? null, allowedAddresses: parent?.allowedAddresses ?? [] };
}

/** @throws AppError `denied` when a key would live longer, or be of use elsewhere, than the key that made it so */
export async function assertWithinCaller(context: Context, of: Restrictions): Promise<void> {
  assertNoWider(await restrictionsOf(context), of);
}
