import { controlRoutes as routes } from '@assay/contract';
import {
  type domainOperations,
  type IdentityProvider,
  proofRecord,
  type providerOperations,
} from '../../modules/identity/index.ts';
import type { Call } from '../../platform/operation.ts';
import { etagOf, expectedVersions } from '../http/etag.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Handler, Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { pageLinks } from './page-links.ts';

export type IdentityProviderOperations = ReturnType<typeof providerOperations> & ReturnType<typeof domainOperations>;
type Raw = Parameters<Handler<typeof routes.getIdentityProvider>>[2];

/** Where people of an organization sign in: `data.identity_provider`. */
export function serveIdentityProviders(surface: Surface, { operator }: HttpKit, of: IdentityProviderOperations): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.createIdentityProvider, async ({ body }, call, raw) => {
    const { client_id: clientId, client_secret: clientSecret, role_claim: roleClaim, ...rest } = body;
    const { role_mapping: roleMapping, default_role: defaultRole, creates_members: createsMembers, ...plain } = rest;
    const roles = { roleClaim, roleMapping, defaultRole, createsMembers };
    const made = await run(of.createIdentityProvider, call, { ...plain, ...roles, clientId, clientSecret });
    return answerWith(call, raw, made, 201);
  });

  surface.serve(routes.listIdentityProviders, async ({ params, query }, call) => {
    const page = await run(of.listIdentityProviders, call, { limit: query.limit, cursor: query.cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { identity_providers: page.items.map(encodeProvider) },
      links: pageLinks(`/v1/organizations/${params.id}/identity-providers`, query, page.nextCursor),
    });
  });

  surface.serve(routes.getIdentityProvider, async ({ params }, call, raw) =>
    answerWith(call, raw, await run(of.getIdentityProvider, call, { id: params.provider_id })),
  );

  surface.serve(routes.updateIdentityProvider, async ({ params, body }, call, raw) => {
    const { after } = await run(of.updateIdentityProvider, call, {
      id: params.provider_id,
      expected: expectedVersions(raw.request.headers),
      name: body.name,
      issuer: body.issuer,
      clientId: body.client_id,
      clientSecret: body.client_secret,
      scopes: body.scopes,
      roleClaim: body.role_claim,
      roleMapping: body.role_mapping,
      defaultRole: body.default_role,
      createsMembers: body.creates_members,
      domains: body.domains,
      isDisabled: body.is_disabled,
    });
    return answerWith(call, raw, after);
  });

  surface.serve(routes.deleteIdentityProvider, async ({ params }, call, raw) =>
    answerWith(call, raw, await run(of.deleteIdentityProvider, call, { id: params.provider_id })),
  );

  surface.serve(routes.verifyProviderDomain, async ({ params, body }, call, raw) =>
    answerWith(call, raw, await run(of.verifyProviderDomain, call, { id: params.provider_id, domain: body.domain })),
  );
}

function answerWith(call: Call, { reply }: Pick<Raw, 'reply'>, provider: IdentityProvider, status = 200) {
  reply.header('etag', etagOf(provider.version));
  return envelope(call, {
    status,
    data: { identity_provider: encodeProvider(provider) },
    links: { self: `/v1/organizations/${provider.orgId}/identity-providers/${provider.id}` },
  });
}

const encodeProvider = (provider: IdentityProvider) => ({
  id: provider.id,
  organization_id: provider.orgId,
  name: provider.name,
  issuer: provider.issuer,
  client_id: provider.clientId,
  has_client_secret: provider.hasSecret,
  scopes: provider.scopes,
  role_claim: provider.roleClaim,
  role_mapping: provider.roleMapping,
  default_role: provider.defaultRole,
  creates_members: provider.createsMembers,
  domains: provider.domains.map((domain) => ({
    domain: domain.domain,
    verified_at: domain.verifiedAt?.toISOString() ?? null,
    txt_record: proofRecord(domain),
  })),
  is_disabled: provider.disabledAt !== null,
  created_at: provider.createdAt.toISOString(),
  updated_at: provider.updatedAt.toISOString(),
});
