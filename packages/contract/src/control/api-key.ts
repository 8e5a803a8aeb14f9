import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';

export const ApiKey = z
  .object({
    id: z.uuid(),
    name: z.string(),
    prefix: z.string(),
    last_four: z.string(),
    scopes: z.array(z.string()),
    permission_set: z
      .string()
      .nullable()
      .meta({ description: 'The template whose scopes it holds as they are today; null for a list of its own.' }),
    status: z.enum(['active', 'expired', 'disabled', 'revoked']),
    created_by: z.string().nullable(),
    service_account_id: z.string().nullable(),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime().nullable(),
    allowed_addresses: z.array(z.string()),
    last_used_at: z.iso.datetime().nullable().meta({ description: 'To the minute.' }),
    last_used_address: z.string().nullable(),
    previous_expires_at: z.iso
      .datetime()
      .nullable()
      .meta({ description: 'Until when the secret before the last rotation works.' }),
    frozen_at: z.iso
      .datetime()
      .nullable()
      .meta({ description: 'When its maker left the organization: its scopes are final since.' }),
    disabled_at: z.iso.datetime().nullable(),
    revoked_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'ApiKey' });
export type ApiKey = z.infer<typeof ApiKey>;

const Name = z.string().trim().min(1).max(100);
const Scopes = z.array(z.string().max(100)).max(100);
const PermissionSet = z.enum(['full_access', 'submit_observe', 'read_only']);
const Addresses = z
  .array(z.string().max(64))
  .max(50)
  .meta({ description: 'Addresses or networks (CIDR) that the key may be used from; none: anywhere.' });

const eitherScopesOrTemplate = (body: { scopes?: unknown; permission_set?: unknown }): boolean =>
  body.scopes === undefined || body.permission_set === undefined;
const EITHER = { message: 'give `scopes` or `permission_set`, not both', path: ['scopes'] };

export const NewApiKey = z
  .strictObject({
    name: Name.optional(),
    label: Name.optional().meta({ description: 'Another word for `name`.' }),
    scopes: Scopes.optional(),
    permission_set: PermissionSet.optional(),
    expires_at: z.iso.datetime().optional(),
    allowed_addresses: Addresses.optional(),
    service_account_id: z.uuid().optional(),
    organization_id: z
      .uuid()
      .optional()
      .meta({ description: 'Must be the organization of the request; choose another by `X-Organization-Id`.' }),
  })
  .refine(eitherScopesOrTemplate, EITHER)
  .refine((body) => (body.name === undefined) !== (body.label === undefined), {
    message: 'give a `name`, or a `label`, once',
    path: ['name'],
  })
  .meta({ id: 'NewApiKey' });
export type NewApiKey = z.infer<typeof NewApiKey>;

const ApiKeyChange = z
  .strictObject({
    name: Name.optional(),
    scopes: Scopes.optional(),
    permission_set: PermissionSet.optional(),
    expires_at: z.iso.datetime().nullable().optional(),
    allowed_addresses: Addresses.nullable().optional(),
  })
  .refine(eitherScopesOrTemplate, EITHER)
  .refine((body) => Object.keys(body).length > 0, { message: 'give at least one field to change', path: [] })
  .meta({ id: 'ApiKeyChange' });

const ApiKeyRotation = z
  .strictObject({
    overlap_seconds: z
      .int()
      .min(0)
      .max(30 * 24 * 3600)
      .optional()
      .meta({ description: 'How long the old secret works on; a day unless given, 0 ends it at once.' }),
  })
  .meta({ id: 'ApiKeyRotation' });

const Identified = z.object({ id: z.string().max(64) });
const OneKey = enveloped(z.object({ api_key: ApiKey }));
/** `value` is evershell's word for fabric's `raw_key`; both hold the same. */
const Issued = enveloped(z.object({ api_key: ApiKey, raw_key: z.string(), value: z.string() }));

/** API keys. */
export const apiKeyRoutes = {
  createApiKey: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/api-keys',
    operation: 'identity.api_key.create',
    summary: 'Create an API key (returns the raw key once)',
    body: NewApiKey,
    answers: { 201: { description: 'The key. `raw_key` is shown here and never again.', schema: Issued } },
  }),
  listApiKeys: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/api-keys',
    operation: 'identity.api_key.list',
    summary: 'List API keys',
    query: z.object({
      limit: z.coerce.number().int().min(1).max(200).default(50),
      cursor: z.string().max(500).optional(),
    }),
    answers: {
      200: { description: 'A page, newest first.', schema: enveloped(z.object({ api_keys: z.array(ApiKey) })) },
    },
  }),
  getApiKey: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/api-keys/{id}',
    operation: 'identity.api_key.get',
    summary: 'Get key metadata',
    params: Identified,
    answers: { 200: { description: 'The key, without its secret. `ETag` names its version.', schema: OneKey } },
  }),
  updateApiKey: route({
    surface: 'control',
    method: 'PATCH',
    path: '/v1/api-keys/{id}',
    operation: 'identity.api_key.update',
    summary: 'Change a key; `If-Match` holds the change to the version you read',
    params: Identified,
    body: ApiKeyChange,
    answers: { 200: { description: 'The changed key.', schema: OneKey } },
  }),
  disableApiKey: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/api-keys/{id}/disable',
    operation: 'identity.api_key.disable',
    summary: 'Disable a key until it is enabled again',
    params: Identified,
    answers: { 200: { description: 'The disabled key.', schema: OneKey } },
  }),
  enableApiKey: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/api-keys/{id}/enable',
    operation: 'identity.api_key.enable',
    summary: 'Enable a disabled key',
    params: Identified,
    answers: { 200: { description: 'The enabled key.', schema: OneKey } },
  }),
  rotateApiKey: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/api-keys/{id}/rotate',
    operation: 'identity.api_key.rotate',
    summary: 'Give a key a new secret; the old one works on for a while',
    params: Identified,
    body: ApiKeyRotation.prefault({}),
    answers: { 200: { description: 'The same key with a new secret, shown once.', schema: Issued } },
  }),
  revokeApiKey: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/api-keys/{id}',
    operation: 'identity.api_key.revoke',
    summary: 'Revoke a key at once',
    params: Identified,
    answers: { 200: { description: 'The revoked key.', schema: OneKey } },
  }),
};
