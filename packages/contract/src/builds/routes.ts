import { z } from 'zod';
import { PasskeyAssertion, WebAuthnOptions } from '../control/passkey.ts';
import { route } from '../route.ts';

export const LoginRequest = z
  .strictObject({ email: z.string().trim().min(3).max(254), password: z.string().min(1).max(1024) })
  .meta({ id: 'LoginRequest' });
export const RefreshRequest = z
  .strictObject({ refresh_token: z.string().min(1).max(200) })
  .meta({ id: 'RefreshRequest' });
const MfaRequest = z
  .strictObject({
    mfa_token: z.string().min(1).max(200),
    code: z.string().trim().min(6).max(20).meta({ description: 'Of the authenticator app, or a recovery code.' }),
  })
  .meta({ id: 'MfaRequest' });
export const TokenAnswer = z
  .object({
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.int(),
    refresh_token: z.string(),
  })
  .meta({ id: 'TokenPair' });

/** Errors of the `builds` surface (evc-platform). */
export const BuildsError = z
  .object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      details: z.array(z.object({ field: z.string(), constraint: z.string() })).optional(),
      mfa_token: z.string().optional().meta({ description: 'With `MFA_REQUIRED`: what the code is sent with.' }),
      expires_in: z.int().optional().meta({ description: 'With `MFA_REQUIRED`: seconds to send the code in.' }),
    }),
  })
  .meta({ id: 'BuildsError' });

/** The `builds` surface, as far as it is served: signing in. */
export const buildsRoutes = {
  login: route({
    surface: 'builds',
    method: 'POST',
    path: '/api/v1/auth/login',
    operation: 'identity.login.create',
    summary: 'Sign in with e-mail and password',
    body: LoginRequest,
    answers: { 200: { description: 'An access token for 15 minutes and a refresh token.', schema: TokenAnswer } },
    isPublic: true,
  }),
  completeLogin: route({
    surface: 'builds',
    method: 'POST',
    path: '/api/v1/auth/mfa',
    operation: 'identity.login.complete',
    summary: 'Finish signing in with a second factor',
    body: MfaRequest,
    answers: { 200: { description: 'An access token for 15 minutes and a refresh token.', schema: TokenAnswer } },
    isPublic: true,
  }),
  offerPasskeyLogin: route({
    surface: 'builds',
    method: 'POST',
    path: '/api/v1/auth/passkey/options',
    operation: 'identity.login.challenge_passkey',
    summary: 'Begin to sign in with a passkey',
    answers: {
      200: {
        description: 'For `navigator.credentials.get()`; good for five minutes, once.',
        schema: z.object({ options: WebAuthnOptions }).meta({ id: 'PasskeyChallenge' }),
      },
    },
    isPublic: true,
  }),
  loginWithPasskey: route({
    surface: 'builds',
    method: 'POST',
    path: '/api/v1/auth/passkey/verify',
    operation: 'identity.login.with_passkey',
    summary: 'Sign in with a passkey',
    body: z.strictObject({ response: PasskeyAssertion }).meta({ id: 'PasskeyLogin' }),
    answers: { 200: { description: 'An access token for 15 minutes and a refresh token.', schema: TokenAnswer } },
    isPublic: true,
  }),
  refresh: route({
    surface: 'builds',
    method: 'POST',
    path: '/api/v1/auth/refresh',
    operation: 'identity.login.refresh',
    summary: 'Trade a refresh token for a new pair',
    body: RefreshRequest,
    answers: { 200: { description: 'A new pair; the old refresh token is spent.', schema: TokenAnswer } },
    isPublic: true,
  }),
  logout: route({
    surface: 'builds',
    method: 'POST',
    path: '/api/v1/auth/logout',
    operation: 'identity.login.end',
    summary: 'Sign out',
    body: RefreshRequest,
    answers: { 204: { description: 'The login has ended.' } },
    isPublic: true,
  }),
  me: route({
    surface: 'builds',
    method: 'GET',
    path: '/api/v1/auth/me',
    operation: 'identity.principal.get',
    summary: 'Who is signed in',
    answers: {
      200: {
        description: 'The caller.',
        schema: z
          .object({
            user: z.object({ id: z.string(), organization_id: z.string().nullable(), role: z.string().nullable() }),
          })
          .meta({ id: 'SignedIn' }),
      },
    },
  }),
};
