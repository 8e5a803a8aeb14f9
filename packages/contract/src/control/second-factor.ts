import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';

const Code = z.string().trim().min(6).max(20);
const RecoveryCodes = enveloped(
  z.object({
    recovery_codes: z.array(z.string()).meta({ description: 'Each works once. Shown here and never again.' }),
  }),
);

/** The second factor of a person: an authenticator app (TOTP, RFC 6238) and recovery codes. */
export const secondFactorRoutes = {
  getSecondFactor: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/me/totp',
    operation: 'identity.totp.get',
    summary: 'Whether you have a second factor',
    answers: {
      200: {
        description: 'Its state.',
        schema: enveloped(
          z.object({
            second_factor: z.object({
              is_on: z.boolean(),
              confirmed_at: z.iso.datetime().nullable(),
              recovery_codes_left: z.int(),
            }),
          }),
        ),
      },
    },
  }),
  enrolSecondFactor: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/me/totp',
    operation: 'identity.totp.enrol',
    summary: 'Begin with an authenticator app (needs a sign-in of the last 15 minutes)',
    answers: {
      201: {
        description: 'What the app needs, here and never again. It counts once it is confirmed.',
        schema: enveloped(z.object({ secret: z.string(), otpauth_uri: z.string() })),
      },
    },
  }),
  confirmSecondFactor: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/me/totp/confirm',
    operation: 'identity.totp.confirm',
    summary: 'Switch the second factor on with a code of the app',
    body: z.strictObject({ code: Code }).meta({ id: 'SecondFactorConfirmation' }),
    answers: { 200: { description: 'It is on.', schema: RecoveryCodes } },
  }),
  renewRecoveryCodes: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/me/totp/recovery-codes',
    operation: 'identity.totp.renew_codes',
    summary: 'Get new recovery codes; the old ones end',
    body: z.strictObject({ code: Code }).meta({ id: 'RecoveryCodeRenewal' }),
    answers: { 201: { description: 'The new codes.', schema: RecoveryCodes } },
  }),
  disableSecondFactor: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/me/totp/disable',
    operation: 'identity.totp.disable',
    summary: 'Switch the second factor off, with your password or a code',
    body: z
      .union([z.strictObject({ password: z.string().min(1).max(2048) }), z.strictObject({ code: Code })])
      .meta({ id: 'SecondFactorEnd' }),
    answers: { 200: { description: 'It is off.', schema: enveloped(z.object({ done: z.literal(true) })) } },
  }),
};
