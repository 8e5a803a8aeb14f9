export { serveAuthz } from './authz-service.ts';
export { serveEvaluations } from './evaluation-service.ts';
export { serveEvents } from './event-service.ts';
export { GrpcApp, type Tls } from './grpc-app.ts';
export { HealthService } from './health.ts';
export { serveIdentity } from './identity-service.ts';
export { serveReflection } from './reflection.ts';
export { RpcSurface } from './rpc-surface.ts';
