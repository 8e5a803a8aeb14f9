import { fleetRoutes as routes } from '@assay/contract';
import type { FastifyInstance } from 'fastify';
import type { HttpKit } from '../http/kit.ts';
import { Surface } from '../http/surface.ts';
import { type FleetOperations, serveDevices } from './devices.ts';
import { renderError } from './render-error.ts';

export type FleetSurface = { kit: HttpKit; operations: FleetOperations };

/** Below which paths crewkit's shape holds, unknown ones included; the rest of `/api/v1` is evc-platform's. */
export const FLEET_PREFIXES = [
  routes.startDevice.path,
  routes.pollDevice.path,
  '/api/v1/agents',
  '/api/v1/experiments',
  '/api/v1/sessions',
];

/** crewkit's API, as far as it is served: signing in devices. */
export function registerFleet(scope: FastifyInstance, { kit, operations }: FleetSurface): Surface {
  const surface = new Surface(scope, { name: 'fleet', renderError, rate: 'fleet', kit });
  serveDevices(surface, kit, operations);
  return surface;
}
