import { operation } from '../../../platform/operation.ts';
import { keyErrors } from '../errors.ts';
import { type KeyServices, requireChangeable, requireKey } from './key-access.ts';
import type { ApiKey } from './model.ts';
import * as store from './store.ts';

const asTarget = (_input: unknown, key: ApiKey): { type: string; id: string } => ({ type: 'api_key', id: key.id });
const vanished = (): Error => keyErrors.not_found('There is no API key with this id.');

export const revokeKey = ({ grantsChanged }: KeyServices) =>
  operation({
    name: 'identity.api_key.revoke',
    summary: 'Revoke an API key with all its secrets, at once and for good.',
    scope: 'apikeys:write',
    narrows: true,
    effect: 'wind_down',
    rate: 'control',
    audit: { action: 'apikey.revoked', target: asTarget },
    async run(context, input: { id: string }) {
      const key = await store.revokeKey(context.tx, await requireKey(context, input.id, store.lockKey));
      if (!key) throw vanished();
      grantsChanged(context.tx);
      context.emit({ type: 'apikey.revoked', subject: key.id, data: { name: key.name } });
      return key;
    },
  });

export const disableKey = ({ grantsChanged }: KeyServices) =>
  operation({
    name: 'identity.api_key.disable',
    summary: 'Stop an API key until it is enabled again.',
    scope: 'apikeys:write',
    narrows: true,
    effect: 'wind_down',
    rate: 'control',
    audit: { action: 'apikey.disabled', target: asTarget },
    async run(context, input: { id: string }) {
      const key = await store.disableKey(context.tx, await requireKey(context, input.id, store.lockKey));
      if (!key) throw vanished();
      grantsChanged(context.tx);
      context.emit({ type: 'apikey.disabled', subject: key.id, data: { name: key.name } });
      return key;
    },
  });

export const enableKey = (services: KeyServices) =>
  operation({
    name: 'identity.api_key.enable',
    summary: 'Let a disabled API key work again.',
    scope: 'apikeys:write',
    narrows: true,
    effect: 'create',
    rate: 'control',
    audit: { action: 'apikey.enabled', target: asTarget },
    async run(context, input: { id: string }) {
      const before = await requireChangeable(services, context, { id: input.id, expected: null });
      const key = await store.enableKey(context.tx, before);
      if (!key) throw vanished();
      services.grantsChanged(context.tx);
      context.emit({ type: 'apikey.enabled', subject: key.id, data: { name: key.name } });
      return key;
    },
  });
