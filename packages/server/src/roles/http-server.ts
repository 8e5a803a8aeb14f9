import { allRoutes, openApiDocument } from '@assay/contract';
import type { assetOperations } from '../modules/assets/index.ts';
import type { evaluationOperations } from '../modules/evaluations/index.ts';
import type { eventOperations } from '../modules/events/index.ts';
import type { keyOperations, loginOperations, whoAmI } from '../modules/identity/index.ts';
import { registerBuilds } from '../surfaces/builds/index.ts';
import { registerConsole } from '../surfaces/console/index.ts';
import { type AuditOperations, registerControl, serveEventSocket } from '../surfaces/control/index.ts';
import { registerDocs } from '../surfaces/docs/index.ts';
import { downgradeTo30 } from '../surfaces/docs/openapi-30.ts';
import { registerEvaluations, serveEvaluationSocket } from '../surfaces/evaluations/index.ts';
import { HttpApp } from '../surfaces/http/app.ts';
import type { HttpKit } from '../surfaces/http/kit.ts';
import { Sockets } from '../surfaces/http/sockets.ts';
import { type Check, registerOps } from '../surfaces/ops/index.ts';

export type HttpServerOptions = {
  kit: HttpKit;
  operations: {
    keys: ReturnType<typeof keyOperations>;
    login: ReturnType<typeof loginOperations>;
    identity: { whoAmI: typeof whoAmI };
    events: ReturnType<typeof eventOperations>;
    audit: AuditOperations;
    assets: ReturnType<typeof assetOperations>;
    evaluations: ReturnType<typeof evaluationOperations>;
  };
  readiness(): Promise<Check[]>;
  release: string;
  /** For how long a stop waits for requests that are under way. */
  stopMs: number;
  /** WebSocket paths that somebody else serves on this server. */
  claimedPaths: ReadonlySet<string>;
};

export type HttpServer = AsyncDisposable & Pick<HttpApp, 'server' | 'listen'>;

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
  const app = new HttpApp({ proxies: kit.proxies, stopMs: options.stopMs });
  await app.surface('/v1', (scope) => {
    const { keys, events, assets, identity, audit } = operations;
    return registerControl(scope, { kit, operations: { ...keys, ...events, ...assets, ...identity, ...audit } });
  });
  await app.surface('/api/v1', (scope) =>
    registerBuilds(scope, { kit, operations: { ...operations.login, ...operations.identity } }),
  );
  await app.surface('/api', (scope) => registerEvaluations(scope, { kit, operations: operations.evaluations }));
  await app.surface('', (scope) => registerOps(scope, { kit, readiness: options.readiness, openApi }));
  await app.pages((scope) => registerDocs(scope, { all: openApi, evaluations: evaluationsOpenApi }));
  await app.pages(registerConsole);
  await app.ready();

  const sockets = new Sockets(kit);
  sockets.serve('/ws', operations.events.followEvents.name, serveEvaluationSocket(kit, operations.events));
  sockets.serve('/v1/events/ws', operations.events.followEvents.name, serveEventSocket(kit, operations.events));
  sockets.attach(app.server, options.claimedPaths);
  return {
    server: app.server,
    listen: (host, port) => app.listen(host, port),
    async [Symbol.asyncDispose]() {
      await sockets[Symbol.asyncDispose]();
      await app[Symbol.asyncDispose]();
    },
  };
}
