import { z } from 'zod';
import { DeviceName, ScopeList } from '../oauth/token.ts';
import { route } from '../route.ts';

/** Errors of the `fleet` surface (crewkit). */
export const FleetError = z
  .object({ error: z.string(), details: z.record(z.string(), z.array(z.string())).optional() })
  .meta({ id: 'FleetError' });

const DeviceStart = z
  .strictObject({
    device_name: DeviceName.optional().meta({ description: 'What the device calls itself; beyond crewkit.' }),
    scope: ScopeList.optional().meta({ description: 'What is asked for; beyond crewkit.' }),
  })
  .meta({ id: 'FleetDeviceRequest' });

/** The `fleet` surface, as far as it is served: crewkit's device flow. */
export const fleetRoutes = {
  startDevice: route({
    surface: 'fleet',
    method: 'POST',
    path: '/api/v1/auth/device',
    operation: 'identity.device.start',
    summary: 'Initiate device flow',
    body: DeviceStart.optional(),
    answers: {
      200: {
        description: 'Codes to show and to poll with.',
        schema: z
          .object({
            device_code: z.string(),
            user_code: z.string(),
            verification_uri: z.url(),
            expires_in: z.int(),
            interval: z.int(),
          })
          .meta({ id: 'FleetDevice' }),
      },
    },
    isPublic: true,
  }),
  pollDevice: route({
    surface: 'fleet',
    method: 'POST',
    path: '/api/v1/auth/token',
    operation: 'identity.device.poll',
    summary: 'Exchange device code for token',
    body: z.strictObject({ device_code: z.string().min(1).max(200) }).meta({ id: 'FleetTokenRequest' }),
    answers: {
      200: {
        description: 'An access token for an hour and a refresh token. Until then 400 with `authorization_pending`.',
        schema: z
          .object({
            access_token: z.string(),
            token_type: z.literal('Bearer'),
            expires_in: z.int(),
            refresh_token: z.string(),
          })
          .meta({ id: 'FleetTokens' }),
      },
    },
    isPublic: true,
  }),
};
