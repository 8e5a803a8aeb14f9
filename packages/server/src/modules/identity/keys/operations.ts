import { type ApiKeyId, isUuid, newId, type OrganizationId } from '../../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { coverage, KEY_TEMPLATES, type KeyTemplate, SCOPES } from '../../access/index.ts';
import { keyErrors } from '../errors.ts';
import { type ApiKey, describeKey, hashKey, newRawKey } from './model.ts';
import * as store from './store.ts';

export type KeyOperationsOptions = {
  /** Drops cached grants here at the commit, and on every other process. */
  grantsChanged(tx: Context['tx']): void;
};

export type NewKeyRequest = {
  name: string;
  scopes: readonly string[] | null;
  template: KeyTemplate | null;
  expiresAt: Date | null;
};

const DEFAULT_TEMPLATE: KeyTemplate = 'submit_observe';

const orgOf = (context: Context): OrganizationId => context.by.orgId as OrganizationId;

export function keyOperations({ grantsChanged }: KeyOperationsOptions) {
  const createKey = operation({
    name: 'identity.api_key.create',
    summary: 'Create an API key. The key itself is in this answer and nowhere else.',
    scope: 'apikeys:write',
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'apikey.created',
      target: (_input: NewKeyRequest, { key }: { key: ApiKey; rawKey: string }) => ({ type: 'api_key', id: key.id }),
      detail: (_input, { key }) => ({ name: key.name, scopes: key.scopes, expires_at: key.expiresAt }),
    },
    async run(context, input) {
      if (input.expiresAt !== null && input.expiresAt <= new Date()) {
        throw keyErrors.expiry_in_past('`expires_at` is in the past. Give a later time, or leave it out.', {
          faults: [{ field: 'expires_at', constraint: 'future', message: 'Must be in the future.' }],
        });
      }
      const template = input.scopes === null ? (input.template ?? DEFAULT_TEMPLATE) : null;
      const scopes = chooseScopes(input.scopes ?? KEY_TEMPLATES[template ?? DEFAULT_TEMPLATE], context.by.scopes);
      const rawKey = newRawKey();
      const key = await store.insertKey(context.tx, {
        id: newId() as ApiKeyId,
        orgId: orgOf(context),
        name: input.name,
        hash: hashKey(rawKey),
        ...describeKey(rawKey),
        template,
        scopes,
        createdBy: context.by.userId,
        expiresAt: input.expiresAt,
        isChecksummed: true,
      });
      context.emit({ type: 'apikey.created', subject: key.id, data: { name: key.name, scopes } });
      return { key, rawKey };
    },
  });

  const listKeys = operation({
    name: 'identity.api_key.list',
    summary: 'List API keys: names, scopes and state, never the keys.',
    scope: 'apikeys:read',
    effect: 'read',
    rate: 'control',
    audit: null,
    async run(context, input: { limit: number; cursor: string | null }): Promise<Page<ApiKey>> {
      const [after = null] = input.cursor === null ? [] : decodeCursor(input.cursor, [isUuid]);
      const keys = await store.listKeys(context.tx, orgOf(context), after, input.limit + 1);
      const items = keys.slice(0, input.limit);
      const last = items[items.length - 1];
      return { items, nextCursor: keys.length > input.limit && last ? encodeCursor([last.id]) : null };
    },
  });

  const getKey = operation({
    name: 'identity.api_key.get',
    summary: 'Get what is known of one API key.',
    scope: 'apikeys:read',
    effect: 'read',
    rate: 'control',
    audit: null,
    async run(context, input: { id: string }): Promise<ApiKey> {
      const key = isUuid(input.id) ? await store.findKey(context.tx, orgOf(context), input.id) : null;
      if (!key) throw noSuchKey();
      return key;
    },
  });

  const revokeKey = operation({
    name: 'identity.api_key.revoke',
    summary: 'Revoke an API key, at once and for good.',
    scope: 'apikeys:write',
    effect: 'wind_down',
    rate: 'control',
    audit: {
      action: 'apikey.revoked',
      target: (_input: { id: string }, key: ApiKey) => ({ type: 'api_key', id: key.id }),
    },
    async run(context, input) {
      const key = isUuid(input.id) ? await store.revokeKey(context.tx, orgOf(context), input.id) : null;
      if (!key) throw noSuchKey();
      grantsChanged(context.tx);
      context.emit({ type: 'apikey.revoked', subject: key.id, data: { name: key.name } });
      return key;
    },
  });

  return { createKey, listKeys, getKey, revokeKey } satisfies Record<string, AnyOperation>;
}

const noSuchKey = (): Error => keyErrors.not_found('There is no API key with this id.');

/** Scopes of a new key: asked for one by one or by template, never beyond the creator's. */
function chooseScopes(wanted: readonly string[], own: ReadonlySet<string>): string[] {
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
  throw keyErrors.scope_beyond_yours(`A key can't hold more than its creator. You lack: ${beyond.join(', ')}.`, {
    faults: beyond.map((scope) => ({ field: 'scopes', constraint: 'within_creator', message: `You lack ${scope}.` })),
  });
}
