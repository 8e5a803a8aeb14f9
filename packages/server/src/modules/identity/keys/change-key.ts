import type { Expected } from '../../../kernel/precondition.ts';
import type { Principal } from '../../../kernel/principal.ts';
import { operation } from '../../../platform/operation.ts';
import type { KeyTemplate } from '../../access/index.ts';
import { keyErrors } from '../errors.ts';
import { assertFuture, chooseAddresses, chooseScopes, chooseTemplate } from './bounds.ts';
import { describe, type IssuedKey } from './create-key.ts';
import { assertWithinCaller, type KeyServices, requireChangeable } from './key-access.ts';
import { type ApiKey, describeKey, hashKey, newRawKey } from './model.ts';
import * as store from './store.ts';

/** What is left out stays as it is; null takes a restriction away. */
export type KeyPatch = {
  id: string;
  expected: Expected;
  name?: string | undefined;
  scopes?: readonly string[] | undefined;
  template?: KeyTemplate | undefined;
  expiresAt?: Date | null | undefined;
  allowedAddresses?: readonly string[] | null | undefined;
};
export type ChangedKey = { before: ApiKey; key: ApiKey };

/** A day to bring the new secret to where the old one is. */
export const DEFAULT_OVERLAP_SECONDS = 24 * 3600;

const vanished = (): Error => keyErrors.not_found('There is no API key with this id.');

export const updateKey = (services: KeyServices) =>
  operation({
    name: 'identity.api_key.update',
    summary: "Change an API key's name, scopes, expiry or allowed addresses, within your own rights.",
    scope: 'apikeys:write',
    narrows: true,
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'apikey.updated',
      target: (_input: KeyPatch, { key }: ChangedKey) => ({ type: 'api_key', id: key.id }),
      detail: (_input, { before, key }) => ({ before: describe(before), after: describe(key) }),
    },
    async run(context, input): Promise<ChangedKey> {
      const before = await requireChangeable(services, context, input);
      if (input.expiresAt !== undefined) assertFuture(input.expiresAt);
      const to = {
        name: input.name ?? before.name,
        ...grantsOf(before, input, context.by),
        expiresAt: input.expiresAt === undefined ? before.expiresAt : input.expiresAt,
        allowedAddresses:
          input.allowedAddresses === undefined
            ? before.allowedAddresses
            : chooseAddresses(input.allowedAddresses ?? []),
      };
      await assertWithinCaller(context, to);
      const key = await store.updateKey(context.tx, before, to);
      if (!key) throw vanished();
      services.grantsChanged(context.tx);
      context.emit({ type: 'apikey.updated', subject: key.id, data: { name: key.name, scopes: key.scopes } });
      return { before, key };
    },
  });

export type Rotation = { id: string; expected: Expected; overlapSeconds: number };

export const rotateKey = (services: KeyServices) =>
  operation({
    name: 'identity.api_key.rotate',
    summary: 'Give an API key a new secret. The old one works on for the overlap; the id stays.',
    scope: 'apikeys:write',
    narrows: true,
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'apikey.rotated',
      target: (_input: Rotation, { key }: IssuedKey) => ({ type: 'api_key', id: key.id }),
      detail: (input, { key }) => ({ overlap_seconds: input.overlapSeconds, last_four: key.lastFour }),
    },
    async run(context, input): Promise<IssuedKey> {
      const before = await requireChangeable(services, context, input);
      const rawKey = newRawKey();
      const key = await store.rotateKey(context.tx, before, {
        hash: hashKey(rawKey),
        ...describeKey(rawKey),
        overlapSeconds: input.overlapSeconds,
      });
      if (!key) throw vanished();
      services.grantsChanged(context.tx);
      context.emit({ type: 'apikey.rotated', subject: key.id, data: { name: key.name } });
      return { key, rawKey };
    },
  });

/** Scopes by list or by template. A frozen key has nobody who bounds it: it only loses, and follows no template again. */
function grantsOf(before: ApiKey, { scopes, template }: KeyPatch, by: Principal): Pick<ApiKey, 'scopes' | 'template'> {
  if (scopes === undefined && template === undefined) return { scopes: before.scopes, template: before.template };
  const chosen =
    scopes === undefined
      ? chooseTemplate(by, template ?? 'read_only')
      : { scopes: chooseScopes(scopes, by.scopes), template: null };
  if (before.frozenAt === null) return chosen;
  const whose = 'The person who made this key has left, and it lacks';
  return { scopes: chooseScopes(chosen.scopes, new Set(before.scopes), whose), template: null };
}
