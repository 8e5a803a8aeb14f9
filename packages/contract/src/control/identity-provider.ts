import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { PageQuery } from './page.ts';

const Role = z.enum(['viewer', 'developer', 'operator', 'admin']);
const Domain = z
  .string()
  .trim()
  .max(253)
  .regex(/^(?!-)[a-zA-Z0-9-]{1,63}(\.[a-zA-Z0-9-]{1,63})+$/, 'must be a domain, example.com');

/** An OpenID Connect issuer at which people of an organization sign in. */
const IdentityProvider = z
  .object({
    id: z.uuid(),
    organization_id: z.uuid(),
    name: z.string(),
    issuer: z.string(),
    client_id: z.string(),
    has_client_secret: z.boolean(),
    scopes: z.array(z.string()),
    role_claim: z.string().nullable(),
    role_mapping: z.record(z.string(), Role),
    default_role: Role.nullable(),
    creates_members: z.boolean(),
    domains: z.array(
      z.object({
        domain: z.string(),
        verified_at: z.iso.datetime().nullable(),
        txt_record: z.object({ name: z.string(), value: z.string() }),
      }),
    ),
    is_disabled: z.boolean(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'IdentityProvider' });

const Fields = {
  name: z.string().trim().min(1).max(100),
  issuer: z.string().trim().min(8).max(500).meta({ description: 'As its tokens name it.' }),
  client_id: z.string().trim().min(1).max(500),
  client_secret: z.string().min(1).max(1000).nullable().meta({ description: 'Never shown. Null: PKCE alone.' }),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/))
    .min(1)
    .max(20),
  role_claim: z.string().min(1).max(200).nullable().meta({ description: 'The claim that says roles; `groups`, say.' }),
  role_mapping: z
    .record(z.string().max(200), Role)
    .refine((mapping) => Object.keys(mapping).length <= 200, 'must have at most 200 entries')
    .meta({ description: 'Which value of the claim gives which role; the highest counts.' }),
  default_role: Role.nullable().meta({ description: 'For whom nothing maps; null refuses them.' }),
  creates_members: z.boolean().meta({ description: 'Whether somebody new becomes a member by signing in.' }),
  domains: z
    .array(Domain)
    .max(50)
    .meta({ description: 'Whose e-mail addresses it speaks for, each once it is verified.' }),
};

const NewIdentityProvider = z
  .strictObject({
    name: Fields.name,
    issuer: Fields.issuer,
    client_id: Fields.client_id,
    client_secret: Fields.client_secret.default(null),
    scopes: Fields.scopes.default(['openid', 'email', 'profile']),
    role_claim: Fields.role_claim.default(null),
    role_mapping: Fields.role_mapping.default({}),
    default_role: Fields.default_role.default('viewer'),
    creates_members: Fields.creates_members.default(true),
    domains: Fields.domains,
  })
  .meta({ id: 'NewIdentityProvider' });

const IdentityProviderChange = z
  .strictObject({ ...Fields, is_disabled: z.boolean() })
  .partial()
  .refine((body) => Object.keys(body).length > 0, { message: 'give at least one field to change', path: [] })
  .meta({ id: 'IdentityProviderChange' });

const InOrganization = z.object({ id: z.string().max(64) });
const OneOf = z.object({ id: z.string().max(64), provider_id: z.string().max(64) });
const One = enveloped(z.object({ identity_provider: IdentityProvider }));

/** Where people of an organization sign in. */
export const identityProviderRoutes = {
  createIdentityProvider: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/organizations/{id}/identity-providers',
    operation: 'identity.provider.create',
    organization: 'id',
    summary: 'Let people of the organization sign in at an issuer (OpenID Connect)',
    params: InOrganization,
    body: NewIdentityProvider,
    answers: { 201: { description: 'The provider, with the records that prove its domains.', schema: One } },
  }),
  listIdentityProviders: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations/{id}/identity-providers',
    operation: 'identity.provider.list',
    organization: 'id',
    summary: 'List where people of the organization sign in',
    params: InOrganization,
    query: PageQuery,
    answers: {
      200: {
        description: 'A page, newest first.',
        schema: enveloped(z.object({ identity_providers: z.array(IdentityProvider) })),
      },
    },
  }),
  getIdentityProvider: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations/{id}/identity-providers/{provider_id}',
    operation: 'identity.provider.get',
    organization: 'id',
    summary: 'Get an identity provider',
    params: OneOf,
    answers: { 200: { description: 'The provider. `ETag` names its version.', schema: One } },
  }),
  updateIdentityProvider: route({
    surface: 'control',
    method: 'PATCH',
    path: '/v1/organizations/{id}/identity-providers/{provider_id}',
    operation: 'identity.provider.update',
    organization: 'id',
    summary: 'Change an identity provider; `If-Match` holds the change to the version you read',
    params: OneOf,
    body: IdentityProviderChange,
    answers: { 200: { description: 'The changed provider.', schema: One } },
  }),
  deleteIdentityProvider: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/organizations/{id}/identity-providers/{provider_id}',
    operation: 'identity.provider.delete',
    organization: 'id',
    summary: 'Remove an identity provider',
    params: OneOf,
    answers: { 200: { description: 'It was this.', schema: One } },
  }),
  verifyProviderDomain: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/organizations/{id}/identity-providers/{provider_id}/verify-domain',
    operation: 'identity.provider.verify_domain',
    organization: 'id',
    summary: 'Prove a domain by its TXT record',
    params: OneOf,
    body: z.strictObject({ domain: Domain }).meta({ id: 'DomainVerification' }),
    answers: { 200: { description: 'The provider, which speaks for the domain now.', schema: One } },
  }),
};
