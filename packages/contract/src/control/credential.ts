import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';

const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?$/;

const CredentialKind = z.enum([
  'oauth2_authorization_code',
  'oauth2_client_credentials',
  'oauth2_jwt_bearer',
  'oauth2_jwt_bearer_with_subject',
  'oauth2_client_assertion',
  'api_key',
  'basic_auth',
  'query_api_key',
]);

const Text = z.string().min(1).max(1_000);
const Secretive = z.string().min(1).max(20_000);

/** How a credential is used; which fields a kind needs is in the guide. */
export const CredentialConfig = z
  .strictObject({
    header: Text.optional().meta({ description: '`api_key`: the header that carries it; Authorization unless given.' }),
    prefix: z
      .string()
      .max(50)
      .optional()
      .meta({ description: '`api_key`: what stands before it; `Bearer ` in Authorization, else nothing.' }),
    parameter: Text.optional().meta({ description: '`query_api_key`: the query parameter that carries it.' }),
    issuer: Text.optional().meta({ description: 'Publishes its endpoints (RFC 8414, OpenID Connect discovery).' }),
    authorization_endpoint: Text.optional(),
    token_endpoint: Text.optional(),
    client_id: Text.optional(),
    client_auth: z.enum(['basic', 'post', 'none']).optional(),
    audience: Text.optional(),
    resource: Text.optional(),
    assertion_issuer: Text.optional().meta({ description: 'JWT bearer: the `iss` of the assertion.' }),
    subject: Text.optional().meta({ description: 'JWT bearer with subject: on whose behalf, unless the use says it.' }),
    key_id: Text.optional(),
    algorithm: Text.optional(),
  })
  .meta({ id: 'CredentialConfig' });
export type CredentialConfig = z.infer<typeof CredentialConfig>;

export const Credential = z
  .object({
    id: z.uuid(),
    name: z.string(),
    kind: CredentialKind,
    provider: z.string().nullable(),
    user_id: z.string().nullable().meta({ description: "Whose it is; null: the organization's." }),
    status: z.enum(['active', 'needs_reauth', 'failed', 'revoked']),
    allow_user_override: z.boolean(),
    scopes: z.array(z.string()),
    provider_config: CredentialConfig,
    durable_ref: z.string().meta({ description: 'Names it for configuration; never holds the secret.' }),
    created_by: z.string().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    last_minted_at: z.iso.datetime().nullable(),
    last_minted_status: z.string().nullable().meta({ description: '`ok`, or the word of the last refusal.' }),
    revoked_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Credential' });
export type Credential = z.infer<typeof Credential>;

export const NewCredential = z
  .strictObject({
    name: z.string().regex(NAME, 'lower-case letters, digits, `.`, `_` and `-`, at most 100'),
    kind: CredentialKind,
    provider: z.string().regex(NAME).optional(),
    personal: z
      .boolean()
      .default(false)
      .meta({ description: 'Yours alone: nobody below operator sees that it exists.' }),
    allow_user_override: z
      .boolean()
      .default(false)
      .meta({ description: "A person's credential of the same name takes its place for that person." }),
    scopes: z.array(Text).max(100).default([]),
    provider_config: CredentialConfig.default({}),
    secret: z
      .strictObject({
        api_key: Secretive.optional(),
        username: Secretive.optional(),
        password: Secretive.optional(),
        client_secret: Secretive.optional(),
        private_key: Secretive.optional().meta({ description: 'PEM.' }),
      })
      .default({})
      .meta({ description: 'It goes in, and no route gives it out.' }),
  })
  .meta({ id: 'NewCredential' });
export type NewCredential = z.infer<typeof NewCredential>;

const OAuthStart = z
  .strictObject({
    return_to: z
      .string()
      .max(1_000)
      .regex(/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/, 'a path of this installation, /settings for example')
      .optional()
      .meta({ description: 'Where the browser goes afterwards; without it the answer is the credential.' }),
  })
  .meta({ id: 'OAuthStart' });

const Identified = z.object({ id: z.string().max(64) });
const OneCredential = enveloped(z.object({ credential: Credential }));

/** Credentials: what opens somebody else's door. */
export const credentialRoutes = {
  createCredential: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/credentials',
    operation: 'vault.credential.create',
    summary: 'Add a credential, of the organization or your own',
    body: NewCredential,
    answers: { 201: { description: 'What is known of it; its secrets are in no answer.', schema: OneCredential } },
  }),
  listCredentials: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/credentials',
    operation: 'vault.credential.list',
    summary: 'List credentials, without their secrets',
    query: z.object({
      limit: z.coerce.number().int().min(1).max(200).default(50),
      cursor: z.string().max(500).optional(),
    }),
    answers: {
      200: { description: 'A page, newest first.', schema: enveloped(z.object({ credentials: z.array(Credential) })) },
    },
  }),
  getCredential: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/credentials/{id}',
    operation: 'vault.credential.get',
    summary: 'Get what is known of a credential',
    params: Identified,
    answers: { 200: { description: 'The credential, without its secrets.', schema: OneCredential } },
  }),
  startCredentialOAuth: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/credentials/{id}/oauth/start',
    operation: 'vault.credential.start_oauth',
    summary: 'Get the address at which you let a credential in',
    params: Identified,
    body: OAuthStart.prefault({}),
    answers: {
      200: {
        description: 'Open it in a browser in which you are signed in here; it works once, for ten minutes.',
        schema: enveloped(z.object({ auth_url: z.string() })),
      },
    },
  }),
  completeCredentialOAuth: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/oauth/callback',
    operation: 'vault.credential.complete_oauth',
    summary: 'Come back from the issuer of a credential',
    query: z.object({ state: z.string().min(1).max(200) }).loose(),
    answers: {
      200: { description: 'The credential, which can be used now.', schema: OneCredential },
      303: { description: 'Back to where `return_to` said.' },
    },
  }),
  revokeCredential: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/credentials/{id}',
    operation: 'vault.credential.revoke',
    summary: 'End a credential at once',
    params: Identified,
    answers: { 200: { description: 'The revoked credential.', schema: OneCredential } },
  }),
};
