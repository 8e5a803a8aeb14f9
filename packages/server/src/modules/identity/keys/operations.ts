import { isUuid } from '../../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import { type AnyOperation, operation } from '../../../platform/operation.ts';
import { rotateKey, updateKey } from './change-key.ts';
import { createKey } from './create-key.ts';
import { disableKey, enableKey, revokeKey } from './end-key.ts';
import { type KeyServices, makerOf, orgOf, requireKey } from './key-access.ts';
import type { ApiKey } from './model.ts';
import * as store from './store.ts';

const READ = { scope: 'apikeys:read', narrows: true, effect: 'read', rate: 'control', audit: null } as const;

const listKeys = operation({
  ...READ,
  name: 'identity.api_key.list',
  summary: 'List API keys: names, scopes and state, never the keys.',
  async run(context, input: { limit: number; cursor: string | null }): Promise<Page<ApiKey>> {
    const [after = null] = input.cursor === null ? [] : decodeCursor(input.cursor, [isUuid]);
    const page = { after, limit: input.limit + 1, madeBy: makerOf(context) };
    const keys = await store.listKeys(context.tx, orgOf(context), page);
    const items = keys.slice(0, input.limit);
    const last = items[items.length - 1];
    return { items, nextCursor: keys.length > input.limit && last ? encodeCursor([last.id]) : null };
  },
});

const getKey = operation({
  ...READ,
  name: 'identity.api_key.get',
  summary: 'Get what is known of one API key.',
  run: (context, input: { id: string }): Promise<ApiKey> => requireKey(context, input.id),
});

export const keyOperations = (services: KeyServices) =>
  ({
    createKey,
    listKeys,
    getKey,
    updateKey: updateKey(services),
    rotateKey: rotateKey(services),
    revokeKey: revokeKey(services),
    disableKey: disableKey(services),
    enableKey: enableKey(services),
  }) satisfies Record<string, AnyOperation>;
