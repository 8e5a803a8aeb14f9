import { fleetRoutes as routes } from '@assay/contract';
import { CREWKIT_CLIENT, type deviceOperations, pollRefusal } from '../../modules/identity/index.ts';
import type { HttpKit } from '../http/kit.ts';
import { publicOrigin } from '../http/public-origin.ts';
import type { Surface } from '../http/surface.ts';

export type FleetOperations = ReturnType<typeof deviceOperations>;

/** crewkit's two routes of the device flow. */
export function serveDevices(surface: Surface, kit: HttpKit, of: FleetOperations): void {
  const run = kit.operator.run.bind(kit.operator);

  surface.serve(routes.startDevice, async ({ body }, call, { request, reply }) => {
    const started = await run(of.startDevice, call, {
      clientId: CREWKIT_CLIENT,
      deviceName: body?.device_name ?? '',
      software: request.headers['user-agent'] ?? '',
      scopes: body?.scope?.split(' ') ?? null,
    });
    reply.header('cache-control', 'no-store');
    return {
      device_code: started.deviceCode,
      user_code: started.userCode,
      verification_uri: `${publicOrigin(request, kit.publicUrl)}/device`,
      expires_in: started.expiresInSeconds,
      interval: started.intervalSeconds,
    };
  });

  surface.serve(routes.pollDevice, async ({ body }, call, { reply }) => {
    reply.header('cache-control', 'no-store');
    const input = { deviceCode: body.device_code, clientId: CREWKIT_CLIENT };
    const polled = await run(of.pollDevice, call, input);
    if (polled.outcome === 'refused') throw pollRefusal(polled.reason);
    return {
      access_token: polled.pair.accessToken,
      token_type: 'Bearer',
      expires_in: polled.pair.expiresInSeconds,
      refresh_token: polled.pair.refreshToken,
    };
  });
}
