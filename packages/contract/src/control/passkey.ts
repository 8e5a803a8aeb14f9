import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';

const Base64Url = z
  .string()
  .max(65_536)
  .regex(/^[\w-]*$/, 'must be base64url');

/** What `navigator.credentials.create()` gives, as JSON (WebAuthn level 3, `toJSON`). */
const PasskeyRegistration = z
  .object({
    id: Base64Url.min(1).max(1400),
    rawId: Base64Url.min(1).max(1400),
    type: z.literal('public-key'),
    response: z.object({
      clientDataJSON: Base64Url,
      attestationObject: Base64Url,
      transports: z.array(z.string().max(40)).max(10).optional(),
    }),
    clientExtensionResults: z.record(z.string(), z.unknown()).default({}),
    authenticatorAttachment: z.string().max(40).nullish(),
  })
  .meta({ id: 'PasskeyRegistration' });

/** What `navigator.credentials.get()` gives, as JSON. */
export const PasskeyAssertion = z
  .object({
    id: Base64Url.min(1).max(1400),
    rawId: Base64Url.min(1).max(1400),
    type: z.literal('public-key'),
    response: z.object({
      clientDataJSON: Base64Url,
      authenticatorData: Base64Url,
      signature: Base64Url,
      userHandle: Base64Url.max(200).nullish(),
    }),
    clientExtensionResults: z.record(z.string(), z.unknown()).default({}),
    authenticatorAttachment: z.string().max(40).nullish(),
  })
  .meta({ id: 'PasskeyAssertion' });

const Passkey = z
  .object({
    id: z.uuid(),
    name: z.string(),
    is_backed_up: z.boolean().meta({ description: 'Whether it is kept in more than one place.' }),
    created_at: z.iso.datetime(),
    last_used_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Passkey' });

/** Options as browsers take them; opaque to us on the wire. */
export const WebAuthnOptions = z.record(z.string(), z.unknown());

const One = enveloped(z.object({ passkey: Passkey }));

/** Passkeys of whoever is signed in. */
export const passkeyRoutes = {
  offerPasskey: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/me/passkeys/options',
    operation: 'identity.passkey.offer',
    summary: 'Begin to make a passkey (needs a sign-in of the last 15 minutes)',
    answers: {
      201: {
        description: 'For `navigator.credentials.create()`; good for five minutes, once.',
        schema: enveloped(z.object({ options: WebAuthnOptions })),
      },
    },
  }),
  registerPasskey: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/me/passkeys',
    operation: 'identity.passkey.register',
    summary: 'Keep the passkey that the browser has made',
    body: z
      .strictObject({ name: z.string().trim().min(1).max(100), response: PasskeyRegistration })
      .meta({ id: 'NewPasskey' }),
    answers: { 201: { description: 'The passkey.', schema: One } },
  }),
  listPasskeys: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/me/passkeys',
    operation: 'identity.passkey.list',
    summary: 'List your passkeys',
    answers: { 200: { description: 'All of them.', schema: enveloped(z.object({ passkeys: z.array(Passkey) })) } },
  }),
  removePasskey: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/me/passkeys/{id}',
    operation: 'identity.passkey.remove',
    summary: 'Remove one of your passkeys',
    params: z.object({ id: z.string().max(64) }),
    answers: { 200: { description: 'It was this.', schema: One } },
  }),
};
