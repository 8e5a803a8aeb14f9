import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { stringify } from 'yaml';

export type DocsSurface = {
  /** Every surface, OpenAPI 3.1. */
  all: Record<string, unknown>;
  /** The evaluations surface in OpenAPI 3.0.3, as crucible-platform promises. */
  evaluations: Record<string, unknown>;
};

/** The interactive reference at `/docs` and `/api/docs`, bundled: nothing is loaded from elsewhere. */
export async function registerDocs(server: FastifyInstance, { all, evaluations }: DocsSurface): Promise<void> {
  for (const prefix of ['/docs', '/api/docs']) {
    await server.register((scope, _options, done) => {
      scope.register(fastifySwagger, { mode: 'static', specification: { document: all as never } });
      scope.register(fastifySwaggerUi, {
        routePrefix: prefix,
        staticCSP: true,
        uiConfig: { docExpansion: 'list', tryItOutEnabled: true, persistAuthorization: false },
        theme: { title: 'Assay API' },
      });
      done();
    });
  }
  const yaml = stringify(evaluations, { aliasDuplicateObjects: false });
  server.get('/api/openapi.yaml', async (_request, reply) => reply.type('application/yaml; charset=utf-8').send(yaml));
}
