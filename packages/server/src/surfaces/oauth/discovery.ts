import { oauthRoutes as routes } from '@assay/contract';
import { SCOPES } from '../../modules/access/index.ts';
import type { HttpKit } from '../http/kit.ts';
import { publicOrigin } from '../http/public-origin.ts';
import type { Surface } from '../http/surface.ts';
import { DEVICE_GRANT } from './grants.ts';

export type Discovery = {
  release: string;
  /** Public keys of access tokens (RFC 7517). */
  jwks(): { keys: readonly Record<string, unknown>[] };
};

/** What this release can do that another may not: for programs that speak to several. */
const FEATURES = ['api-keys', 'audit-log', 'device-flow', 'evaluations', 'event-streams', 'sessions'];
const BASE_PATHS = { control: '/v1', builds: '/api/v1', fleet: '/api/v1', evaluations: '/api', oauth: '/oauth' };
const DOCUMENTS = { openapi: '/openapi.json', reference: '/docs', health: '/healthz', readiness: '/readyz' };

/** Keys change seldom, and a verifier that meets an unknown one asks again. */
const KEYS_SECONDS = 300;

/** Serves the documents from which a program learns the rest. */
export function serveDiscovery(surface: Surface, kit: HttpKit, { release, jwks }: Discovery): void {
  surface.serve(routes.authorizationServer, async (_decoded, _call, { request, reply }) => {
    const issuer = publicOrigin(request, kit.publicUrl);
    // It differs by the address that it was asked at.
    reply.header('cache-control', 'no-store');
    return {
      issuer,
      token_endpoint: `${issuer}/oauth/token`,
      device_authorization_endpoint: `${issuer}/oauth/device_authorization`,
      revocation_endpoint: `${issuer}/oauth/revoke`,
      userinfo_endpoint: `${issuer}/oauth/userinfo`,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      scopes_supported: Object.keys(SCOPES),
      response_types_supported: [],
      grant_types_supported: [DEVICE_GRANT, 'refresh_token'],
      token_endpoint_auth_methods_supported: ['none'],
      revocation_endpoint_auth_methods_supported: ['none'],
      service_documentation: `${issuer}/docs`,
    };
  });

  surface.serve(routes.protectedResource, async (_decoded, _call, { request, reply }) => {
    const resource = publicOrigin(request, kit.publicUrl);
    reply.header('cache-control', 'no-store');
    return {
      resource,
      authorization_servers: [resource],
      scopes_supported: Object.keys(SCOPES),
      bearer_methods_supported: ['header'],
      resource_name: 'Assay',
      resource_documentation: `${resource}/docs`,
    };
  });

  surface.serve(routes.keys, async (_decoded, _call, { reply }) => {
    reply.header('cache-control', `public, max-age=${KEYS_SECONDS}`);
    return jwks();
  });

  surface.serve(routes.installation, async () => ({
    name: 'assay',
    version: release,
    features: FEATURES,
    base_paths: BASE_PATHS,
    documents: DOCUMENTS,
  }));
}
