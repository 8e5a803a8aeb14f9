import { controlRoutes as routes } from '@assay/contract';
import type { FastifyInstance } from 'fastify';
import type { Principal } from '../../kernel/principal.ts';
import type { accessOperations } from '../../modules/access/index.ts';
import type { eventOperations } from '../../modules/events/index.ts';
import type {
  keyOperations,
  ownLoginOperations,
  passkeyOperations,
  secondFactorOperations,
  signingKeyOperations,
  whoAmI,
} from '../../modules/identity/index.ts';
import type { Breakers } from '../../modules/providers/index.ts';
import type { tenancyOperations } from '../../modules/tenancy/index.ts';
import type { JobOperations } from '../http/jobs.ts';
import type { HttpKit } from '../http/kit.ts';
import { Surface } from '../http/surface.ts';
import { type AccountOperations, serveAccount } from './account.ts';
import { serveApiKeys } from './api-keys.ts';
import { type AssetOperations, serveAssets } from './assets.ts';
import { type AuditOperations, serveAuditLogs } from './audit-logs.ts';
import { serveAuthz } from './authz.ts';
import { type CaptureOperations, serveCaptures } from './captures.ts';
import { envelope } from './envelope.ts';
import { serveEventStream } from './events.ts';
import { type IdentityProviderOperations, serveIdentityProviders } from './identity-providers.ts';
import { serveJobs } from './jobs.ts';
import { type MeteringOperations, serveMetering } from './metering.ts';
import { serveOwnSessions } from './own-sessions.ts';
import { servePasskeys } from './passkeys.ts';
import { type ProviderOperations, serveProviders } from './providers.ts';
import { renderError } from './render-error.ts';
import { serveSecondFactor } from './second-factor.ts';
import { serveSigningKeys } from './signing-keys.ts';
import { serveTenancy } from './tenancy.ts';
import { serveVault, type VaultOperations } from './vault.ts';
import { serveWebhooks, type WebhookOperations } from './webhooks.ts';
import { type ScheduleOperations, serveWorkflowSchedules } from './workflow-schedules.ts';
import { serveWorkflows, type WorkflowOperations } from './workflows.ts';

export type { AuditOperations } from './audit-logs.ts';
export type { CaptureOperations } from './captures.ts';
export { serveEventSocket } from './events.ts';
export type { MeteringOperations } from './metering.ts';
export { encodeEmbedding, encodeExecution } from './model-calls.ts';
export type { ProviderOperations } from './providers.ts';
export type { VaultOperations } from './vault.ts';
export type { WebhookOperations } from './webhooks.ts';
export type { ScheduleOperations } from './workflow-schedules.ts';
export type { WorkflowOperations } from './workflows.ts';

export type ControlSurface = {
  kit: HttpKit;
  /** How providers of models are doing. */
  health: Pick<Breakers, 'healthOfAll'>;
  operations: ReturnType<typeof keyOperations> &
    AccountOperations &
    IdentityProviderOperations &
    ReturnType<typeof ownLoginOperations> &
    ReturnType<typeof secondFactorOperations> &
    ReturnType<typeof passkeyOperations> &
    ReturnType<typeof signingKeyOperations> &
    ReturnType<typeof eventOperations> &
    ReturnType<typeof accessOperations> &
    AssetOperations &
    ReturnType<typeof tenancyOperations> &
    VaultOperations &
    ProviderOperations &
    MeteringOperations &
    WebhookOperations &
    WorkflowOperations &
    ScheduleOperations &
    JobOperations &
    CaptureOperations &
    AuditOperations & { whoAmI: typeof whoAmI };
};

/** Fabric's and evershell's API: an envelope around everything. */
export function registerControl(scope: FastifyInstance, { kit, operations: of, health }: ControlSurface): Surface {
  const surface = new Surface(scope, { name: 'control', renderError, rate: 'control', kit });
  const run = kit.operator.run.bind(kit.operator);

  surface.serve(routes.me, async (_decoded, call) => {
    const principal = await run(of.whoAmI, call, undefined);
    return envelope(call, { status: 200, data: { principal: encodePrincipal(principal) }, links: { self: '/v1/me' } });
  });

  serveTenancy(surface, kit, of);
  serveApiKeys(surface, kit, of);
  serveAccount(surface, kit, of);
  serveOwnSessions(surface, kit, of);
  serveIdentityProviders(surface, kit, of);
  serveSecondFactor(surface, kit, of);
  servePasskeys(surface, kit, of);
  serveSigningKeys(surface, kit, of);
  serveAuthz(surface, kit, of);
  serveAuditLogs(surface, kit, of);
  serveVault(surface, kit, of);
  serveProviders(surface, kit, { operations: of, health });
  serveMetering(surface, kit, of);
  serveWebhooks(surface, kit, of);
  serveWorkflows(surface, kit, of);
  serveWorkflowSchedules(surface, kit, of);
  serveJobs(surface, kit, of);
  serveCaptures(surface, kit, of);
  serveAssets(surface, kit, of);

  serveEventStream(surface, kit, of);
  return surface;
}

const encodePrincipal = (principal: Principal) => ({
  id: principal.id,
  kind: principal.kind,
  organization_id: principal.orgId,
  role: principal.role,
  scopes: [...principal.scopes].sort(),
  posture: principal.posture,
});
