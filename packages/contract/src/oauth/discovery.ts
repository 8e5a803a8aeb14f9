import { z } from 'zod';

/** RFC 8414. */
export const AuthorizationServer = z
  .object({
    issuer: z.url(),
    token_endpoint: z.url(),
    device_authorization_endpoint: z.url(),
    revocation_endpoint: z.url(),
    userinfo_endpoint: z.url(),
    jwks_uri: z.url(),
    scopes_supported: z.array(z.string()),
    response_types_supported: z.array(z.string()),
    grant_types_supported: z.array(z.string()),
    token_endpoint_auth_methods_supported: z.array(z.string()),
    revocation_endpoint_auth_methods_supported: z.array(z.string()),
    service_documentation: z.url(),
  })
  .meta({ id: 'AuthorizationServer' });

/** RFC 9728. */
export const ProtectedResource = z
  .object({
    resource: z.url(),
    authorization_servers: z.array(z.url()),
    scopes_supported: z.array(z.string()),
    bearer_methods_supported: z.array(z.string()),
    resource_name: z.string(),
    resource_documentation: z.url(),
  })
  .meta({ id: 'ProtectedResource' });

/** RFC 7517; Ed25519 keys (RFC 8037). */
export const KeySet = z
  .object({
    keys: z.array(
      z.object({
        kty: z.literal('OKP'),
        crv: z.literal('Ed25519'),
        x: z.string(),
        kid: z.string(),
        alg: z.literal('EdDSA'),
        use: z.literal('sig'),
      }),
    ),
  })
  .meta({ id: 'KeySet' });

/** What an installation is and where its parts are; for command lines and SDKs. */
export const Installation = z
  .object({
    name: z.literal('assay'),
    version: z.string(),
    features: z.array(z.string()),
    base_paths: z.record(z.string(), z.string()),
    documents: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Installation' });
