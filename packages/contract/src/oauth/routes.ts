import { z } from 'zod';
import { route } from '../route.ts';
import { AuthorizationServer, Installation, KeySet, ProtectedResource } from './discovery.ts';
import {
  DeviceAuthorization,
  DeviceAuthorizationRequest,
  OAuthTokens,
  RevocationRequest,
  TokenRequest,
} from './token.ts';

/** The `oauth` surface: RFC 8628 (devices), 6749 (tokens), 7009 (revocation), 8414 and 9728 (discovery). */
export const oauthRoutes = {
  authorizeDevice: route({
    surface: 'oauth',
    method: 'POST',
    path: '/oauth/device_authorization',
    operation: 'identity.device.start',
    summary: 'Begin to sign in a device (RFC 8628)',
    body: DeviceAuthorizationRequest,
    answers: { 200: { description: 'Codes to show and to poll with.', schema: DeviceAuthorization } },
    isPublic: true,
  }),
  token: route({
    surface: 'oauth',
    method: 'POST',
    path: '/oauth/token',
    operation: 'identity.device.poll',
    summary: 'Trade the code of an approved device, or a refresh token, for tokens',
    body: TokenRequest,
    answers: { 200: { description: 'An access token and a refresh token.', schema: OAuthTokens } },
    isPublic: true,
  }),
  revoke: route({
    surface: 'oauth',
    method: 'POST',
    path: '/oauth/revoke',
    operation: 'identity.login.revoke',
    summary: 'Revoke a token and the login that it belongs to (RFC 7009)',
    body: RevocationRequest,
    answers: {
      200: { description: 'It is not alive, or not any more.', schema: z.object({}).meta({ id: 'Revoked' }) },
    },
    isPublic: true,
  }),
  userInfo: route({
    surface: 'oauth',
    method: 'GET',
    path: '/oauth/userinfo',
    operation: 'identity.person.get',
    summary: 'Who the person behind the credential is (OpenID Connect Core, section 5.3)',
    answers: {
      200: {
        description: 'The person, and the organization that they work in.',
        schema: z
          .object({
            sub: z.string(),
            email: z.string().nullable().meta({ description: 'Null for a key, which is nobody.' }),
            name: z.string().nullable(),
            organization_id: z.string().nullable(),
            organization_name: z.string().nullable(),
          })
          .meta({ id: 'UserInfo' }),
      },
    },
  }),
  authorizationServer: route({
    surface: 'oauth',
    method: 'GET',
    path: '/.well-known/oauth-authorization-server',
    operation: null,
    summary: 'Where and how to get tokens (RFC 8414)',
    answers: { 200: { description: 'Metadata.', schema: AuthorizationServer } },
    isPublic: true,
  }),
  protectedResource: route({
    surface: 'oauth',
    method: 'GET',
    path: '/.well-known/oauth-protected-resource',
    operation: null,
    summary: 'Whose tokens this API takes (RFC 9728)',
    answers: { 200: { description: 'Metadata.', schema: ProtectedResource } },
    isPublic: true,
  }),
  keys: route({
    surface: 'oauth',
    method: 'GET',
    path: '/.well-known/jwks.json',
    operation: null,
    summary: 'Keys that access tokens are signed with (RFC 7517)',
    answers: { 200: { description: 'Public keys, those included whose tokens are still alive.', schema: KeySet } },
    isPublic: true,
  }),
  installation: route({
    surface: 'oauth',
    method: 'GET',
    path: '/.well-known/assay.json',
    operation: null,
    summary: 'Version, features and base paths of this installation',
    answers: { 200: { description: 'What this installation is.', schema: Installation } },
    isPublic: true,
  }),
};
