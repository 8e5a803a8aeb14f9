import { z } from 'zod';

/** Visible ASCII: what OAuth allows in names of clients (RFC 6749, appendix A). */
const Visible = z.string().regex(/^[\x21-\x7e]+$/, 'must be visible ASCII characters');
/** Scopes with single spaces between them (RFC 6749, section 3.3). */
export const ScopeList = z
  .string()
  .max(2000)
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/, 'must be scopes with single spaces between them');
/** What a device calls itself; shown to the person who is asked. */
export const DeviceName = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^\P{C}*$/u, 'must have no control characters');

export const DeviceAuthorizationRequest = z
  .object({
    client_id: Visible.max(100).meta({
      description: 'What the program calls itself, `assay-cli`. Clients are public and not registered.',
    }),
    scope: ScopeList.optional().meta({ description: 'What is asked for; all that the person may do when left out.' }),
    device_name: DeviceName.optional().meta({
      description: 'What the device calls itself, its host name for example.',
    }),
  })
  .meta({ id: 'DeviceAuthorizationRequest' });

export const DeviceAuthorization = z
  .object({
    device_code: z.string(),
    user_code: z.string(),
    verification_uri: z.url(),
    verification_uri_complete: z.url(),
    expires_in: z.int(),
    interval: z.int(),
  })
  .meta({ id: 'DeviceAuthorization' });

export const TokenRequest = z
  .object({
    grant_type: z
      .string()
      .max(200)
      .meta({ description: '`urn:ietf:params:oauth:grant-type:device_code` or `refresh_token`.' }),
    device_code: z.string().min(1).max(200).optional().meta({ description: 'Of the device grant.' }),
    refresh_token: z.string().min(1).max(200).optional().meta({ description: 'Of the refresh grant; it works once.' }),
    client_id: Visible.max(100)
      .optional()
      .meta({ description: 'Needed by the device grant; otherwise checked when sent.' }),
  })
  .meta({ id: 'OAuthTokenRequest' });

export const OAuthTokens = z
  .object({
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.int(),
    refresh_token: z.string(),
    scope: z.string().optional().meta({ description: 'There when the login is limited to scopes.' }),
  })
  .meta({ id: 'OAuthTokens' });

export const RevocationRequest = z
  .object({
    token: z
      .string()
      .min(1)
      .max(4000)
      .meta({ description: 'A refresh token or an access token: its whole login ends.' }),
    token_type_hint: z.string().max(100).optional().meta({ description: 'Not needed: tokens tell what they are.' }),
  })
  .meta({ id: 'RevocationRequest' });

/** Errors of the `oauth` surface (RFC 6749, section 5.2). */
export const OAuthError = z
  .object({ error: z.string(), error_description: z.string().optional() })
  .meta({ id: 'OAuthError' });
