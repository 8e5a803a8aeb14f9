import { allRpcs, Health } from '@assay/contract/grpc';
import type { accessOperations } from '../modules/access/index.ts';
import type { tenancyOperations } from '../modules/tenancy/index.ts';
import type { Log } from '../platform/log.ts';
import {
  type AuditOperations,
  GrpcApp,
  HealthService,
  RpcSurface,
  serveAudit,
  serveAuthz,
  serveEvaluations,
  serveEvents,
  serveIdentity,
  serveJobs,
  serveProviders,
  serveReflection,
  serveSchedules,
  serveWorkflows,
  type Tls,
} from '../surfaces/grpc/index.ts';
import type { HttpKit } from '../surfaces/http/kit.ts';
import type { Check } from '../surfaces/ops/index.ts';
import type { HttpServerOptions } from './http-server.ts';

export type GrpcServerOptions = {
  kit: HttpKit;
  operations: Pick<
    HttpServerOptions['operations'],
    'evaluations' | 'events' | 'identity' | 'providers' | 'workflows'
  > & {
    audit: AuditOperations;
    access: ReturnType<typeof accessOperations>;
    tenancy: Pick<ReturnType<typeof tenancyOperations>, 'listMyOrganizations'>;
  };
  readiness(): Promise<Check[]>;
  tls: Tls | null;
  /** For how long a stop waits for calls that are under way. */
  stopMs: number;
  log: Log;
};

/** All gRPC services, over the operations that HTTP runs too; not listening yet. */
export function createGrpcServer(options: GrpcServerOptions): GrpcApp {
  const { kit, operations } = options;
  const app = new GrpcApp(options);
  const surface = new RpcSurface(app.server, kit);
  const run = kit.operator.run.bind(kit.operator);
  serveAudit(surface, run, operations.audit);
  serveAuthz(surface, run, operations.access);
  serveEvaluations(surface, run, operations.evaluations);
  serveEvents(surface, run, operations.events);
  serveIdentity(surface, run, { ...operations.identity, ...operations.tenancy, ...operations.access });
  serveJobs(surface, run, { ...operations.workflows, ...operations.providers });
  serveProviders(surface, run, operations.providers);
  serveSchedules(surface, run, operations.workflows);
  serveWorkflows(surface, run, operations.workflows);
  const health = new HealthService(options.readiness);
  health.serve(surface);
  serveReflection(app.server, [...new Set(allRpcs.map(({ method }) => method.parent)), Health]);
  app.onStop = async () => {
    health.drain();
    // Watchers are told that nothing is served here any more, before their streams end.
    await new Promise(setImmediate);
    surface.endStreams();
  };
  return app;
}
