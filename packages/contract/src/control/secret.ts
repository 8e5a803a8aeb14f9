import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';

const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?$/;
/** Base64 of the largest value, with room for what is refused with a better reason. */
const MOST_CHARACTERS = 100_000;

export const Secret = z
  .object({
    id: z.uuid(),
    name: z.string(),
    description: z.string(),
    version: z.int().meta({ description: 'Of the newest value; `ETag` names it.' }),
    created_by: z.string().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    last_used_at: z.iso.datetime().nullable().meta({ description: 'To the minute.' }),
  })
  .meta({ id: 'Secret' });
export type Secret = z.infer<typeof Secret>;

export const SecretVersion = z
  .object({
    version: z.int(),
    encoding: z.enum(['text', 'base64']),
    size_bytes: z.int(),
    is_kept: z.boolean().meta({ description: 'False once the value was thrown away for its age.' }),
    created_by: z.string().nullable(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'SecretVersion' });
export type SecretVersion = z.infer<typeof SecretVersion>;

const Value = z
  .string()
  .min(1)
  .max(MOST_CHARACTERS)
  .meta({ description: 'At most 64 KiB. It goes in, and no route gives it out.' });
const Encoding = z.enum(['text', 'base64']).default('text');
const Description = z.string().max(500);

const NewSecret = z
  .strictObject({
    name: z.string().regex(NAME, 'lower-case letters, digits, `.`, `_` and `-`, at most 100'),
    value: Value,
    encoding: Encoding,
    description: Description.default(''),
  })
  .meta({ id: 'NewSecret' });

const SecretReplacement = z
  .strictObject({ value: Value, encoding: Encoding, description: Description.optional() })
  .meta({ id: 'SecretReplacement' });

const Named = z.object({ name: z.string().max(100) });
const Paged = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(500).optional(),
});
const OneSecret = enveloped(z.object({ secret: Secret }));

/** Secrets: values that only what uses them can read. */
export const secretRoutes = {
  createSecret: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/secrets',
    operation: 'vault.secret.create',
    summary: 'Keep a secret under a name',
    body: NewSecret,
    answers: { 201: { description: 'What is known of it; the value is in no answer.', schema: OneSecret } },
  }),
  listSecrets: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/secrets',
    operation: 'vault.secret.list',
    summary: 'List secrets, without their values',
    query: Paged,
    answers: { 200: { description: 'A page, by name.', schema: enveloped(z.object({ secrets: z.array(Secret) })) } },
  }),
  getSecret: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/secrets/{name}',
    operation: 'vault.secret.get',
    summary: 'Get what is known of a secret',
    params: Named,
    answers: { 200: { description: 'The secret, without its value.', schema: OneSecret } },
  }),
  listSecretVersions: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/secrets/{name}/versions',
    operation: 'vault.secret.list_versions',
    summary: 'List the versions of a secret, without their values',
    params: Named,
    query: Paged,
    answers: {
      200: {
        description: 'A page, newest first.',
        schema: enveloped(z.object({ versions: z.array(SecretVersion) })),
      },
    },
  }),
  replaceSecret: route({
    surface: 'control',
    method: 'PUT',
    path: '/v1/secrets/{name}',
    operation: 'vault.secret.replace',
    summary: 'Give a secret a new value; `If-Match` holds the change to the version you read',
    params: Named,
    body: SecretReplacement,
    answers: { 200: { description: 'The secret at its next version.', schema: OneSecret } },
  }),
  deleteSecret: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/secrets/{name}',
    operation: 'vault.secret.delete',
    summary: 'Throw a secret away, with every value that it had',
    params: Named,
    answers: { 200: { description: 'The secret as it was.', schema: OneSecret } },
  }),
};
