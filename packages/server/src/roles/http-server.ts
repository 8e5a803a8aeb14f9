import type { IncomingMessage, Server } from 'node:http';
import { allRoutes, openApiDocument } from '@assay/contract';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { assetOperations } from '../modules/assets/index.ts';
import type { evaluationOperations } from '../modules/evaluations/index.ts';
import type { eventOperations } from '../modules/events/index.ts';
import type { keyOperations, loginOperations, whoAmI } from '../modules/identity/index.ts';
import { registerBuilds } from '../surfaces/builds/index.ts';
import { registerConsole } from '../surfaces/console/index.ts';
import { registerControl, serveEventSocket } from '../surfaces/control/index.ts';
import { downgradeTo30 } from '../surfaces/docs/openapi-30.ts';
import { registerDocs } from '../surfaces/docs/index.ts';
import { registerEvaluations, serveEvaluationSocket } from '../surfaces/evaluations/index.ts';
import { SECURITY_HEADERS } from '../surfaces/http/headers.ts';
import type { HttpKit } from '../surfaces/http/kit.ts';
import { Sockets } from '../surfaces/http/sockets.ts';
import type { Surface } from '../surfaces/http/surface.ts';
import { type Check, registerOps } from '../surfaces/ops/index.ts';

export type HttpServerOptions = {
  kit: HttpKit;
  operations: {
    keys: ReturnType<typeof keyOperations>;
    login: ReturnType<typeof loginOperations>;
    identity: { whoAmI: typeof whoAmI };
    events: ReturnType<typeof eventOperations>;
    assets: ReturnType<typeof assetOperations>;
    evaluations: ReturnType<typeof evaluationOperations>;
  };
  readiness(): Promise<Check[]>;
  release: string;
  trustedProxies: readonly string[];
  /** WebSocket paths that somebody else serves on this server. */
  claimedPaths: ReadonlySet<string>;
};

/** Bodies of all routes but uploads. */
const BODY_LIMIT = 2 << 20;
/** Above the 60 s that a request may wait for an end. */
const REQUEST_TIMEOUT_MS = 90_000;

export type HttpServer = AsyncDisposable & { app: FastifyInstance; server: Server };

/** All HTTP surfaces on one server, each in its own scope; not listening yet. */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { kit, operations } = options;
  const about = { title: 'Assay', version: options.release, description: 'A self-hosted control plane for AI work.' };
  const openApi = openApiDocument(allRoutes, about);
  const evaluationsOpenApi = downgradeTo30(
    openApiDocument(
      allRoutes.filter(({ surface }) => surface === 'evaluations'),
      { ...about, title: 'Assay evaluations' },
    ),
  );
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    trustProxy: options.trustedProxies.length > 0 ? [...options.trustedProxies] : false,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200 },
    frameworkErrors: (error, request, reply) => void malformed(error, request, reply),
  });
  app.addHook('onSend', async (_request, reply) => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) if (!reply.hasHeader(name)) reply.header(name, value);
  });

  const surfaces: [string, Surface][] = [];
  const serve = async (prefix: string, register: (scope: FastifyInstance) => Surface): Promise<void> => {
    await app.register(async (scope) => void surfaces.push([prefix, register(scope)]));
  };
  await serve('/v1', (scope) =>
    registerControl(scope, { kit, operations: { ...operations.keys, ...operations.events, ...operations.assets, ...operations.identity } }),
  );
  await serve('/api/v1', (scope) => registerBuilds(scope, { kit, operations: { ...operations.login, ...operations.identity } }));
  await serve('/api', (scope) => registerEvaluations(scope, { kit, operations: operations.evaluations }));
  await serve('', (scope) => registerOps(scope, { kit, readiness: options.readiness, openApi }));
  await registerDocs(app, { all: openApi, evaluations: evaluationsOpenApi });
  registerConsole(app);

  // An unknown path answers in the shape of the surface whose prefix it has; the longest prefix is registered first.
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '/';
    const owner = surfaces.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`));
    return owner?.[1].notFound(request, reply);
  });

  const sockets = new Sockets(kit);
  sockets.serve('/ws', serveEvaluationSocket(kit, operations.events));
  sockets.serve('/v1/events/ws', serveEventSocket(kit, operations.events));
  sockets.attach(app.server, options.claimedPaths);
  await app.ready();
  return {
    app,
    server: app.server,
    async [Symbol.asyncDispose]() {
      await sockets[Symbol.asyncDispose]();
      await app.close();
    },
  };
}

/** A request line that the framework could not even route. */
function malformed(error: Error, _request: FastifyRequest<{ Body: unknown }, Server, IncomingMessage>, reply: FastifyReply): FastifyReply {
  return reply.code(400).send({ error: 'Validation error', detail: error.message, status_code: 400 });
}
