import { opsRoutes as routes } from '@assay/contract';
import type { FastifyInstance } from 'fastify';
import type { HttpKit } from '../http/kit.ts';
import { Surface } from '../http/surface.ts';
import { renderError } from './render-error.ts';

export type Check = { name: string; ok: boolean; detail: string };

export type OpsSurface = {
  kit: HttpKit;
  /** Checks everything that this process needs, now. */
  readiness(): Promise<Check[]>;
  openApi: Record<string, unknown>;
};

/** Health, metrics and the API document: plain answers, no credential. */
export function registerOps(scope: FastifyInstance, { kit, readiness, openApi }: OpsSurface): Surface {
  const surface = new Surface(scope, { name: 'ops', renderError, rate: 'control', kit });
  surface.serve(routes.healthz, async () => ({ status: 'ok' }));
  surface.serve(routes.readyz, async (_decoded, _call, { reply }) => {
    const checks = await readiness();
    const isReady = checks.every(({ ok }) => ok);
    if (!isReady) await reply.code(503).header('retry-after', '1').send({ status: 'not_ready', checks });
    return { status: 'ready', checks };
  });
  surface.serve(routes.metrics, async (_decoded, _call, { reply }) => {
    reply.header('content-type', kit.metrics.registry.contentType);
    return kit.metrics.registry.metrics();
  });
  surface.serve(routes.openapi, async () => openApi);
  return surface;
}
