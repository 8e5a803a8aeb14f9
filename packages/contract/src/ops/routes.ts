import { z } from 'zod';
import { route } from '../route.ts';

const Check = z.object({ name: z.string(), ok: z.boolean(), detail: z.string() });
export const ReadyAnswer = z
  .object({ status: z.enum(['ready', 'not_ready']), checks: z.array(Check) })
  .meta({ id: 'Readiness' });
export type ReadyAnswer = z.infer<typeof ReadyAnswer>;

export const opsRoutes = {
  healthz: route({
    surface: 'ops',
    method: 'GET',
    path: '/healthz',
    operation: null,
    summary: 'Liveness: the process answers. Never touches the database',
    answers: { 200: { description: 'Alive.', schema: z.object({ status: z.literal('ok') }).meta({ id: 'Liveness' }) } },
    isPublic: true,
  }),
  readyz: route({
    surface: 'ops',
    method: 'GET',
    path: '/readyz',
    operation: null,
    summary: 'Readiness: database, migrations, queue and runners, each checked now',
    answers: {
      200: { description: 'The process can do its work.', schema: ReadyAnswer },
      503: { description: 'It cannot; the checks say why.', schema: ReadyAnswer },
    },
    isPublic: true,
  }),
  metrics: route({
    surface: 'ops',
    method: 'GET',
    path: '/metrics',
    operation: null,
    summary: 'Counters in the Prometheus text format',
    answers: { 200: { description: 'Metrics.', otherMedia: ['text/plain'] } },
    isPublic: true,
  }),
  openapi: route({
    surface: 'ops',
    method: 'GET',
    path: '/openapi.json',
    operation: null,
    summary: 'This document',
    answers: {
      200: { description: 'OpenAPI 3.1.', schema: z.record(z.string(), z.unknown()).meta({ id: 'OpenApiDocument' }) },
    },
    isPublic: true,
  }),
};
