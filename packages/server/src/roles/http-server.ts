import { allRoutes, openApiDocument } from '@assay/contract';
import type { accessOperations } from '../modules/access/index.ts';
import type { assetOperations, quotaOperations } from '../modules/assets/index.ts';
import type { evaluationOperations } from '../modules/evaluations/index.ts';
import type { eventOperations } from '../modules/events/index.ts';
import type {
  accountOperations,
  deviceOperations,
  domainOperations,
  keyOperations,
  loginOperations,
  ownLoginOperations,
  passkeyOperations,
  passwordOperations,
  providerOperations,
  secondFactorOperations,
  sessionOperations,
  signingKeyOperations,
  ssoOperations,
  whoAmI,
} from '../modules/identity/index.ts';
import type { Breakers } from '../modules/providers/index.ts';
import type { tenancyOperations } from '../modules/tenancy/index.ts';
import { registerBuilds } from '../surfaces/builds/index.ts';
import { CONSOLE_PREFIXES, registerConsole } from '../surfaces/console/index.ts';
import {
  type AuditOperations,
  type CaptureOperations,
  type MeteringOperations,
  type ProviderOperations,
  registerControl,
  type ScheduleOperations,
  serveEventSocket,
  type VaultOperations,
  type WebhookOperations,
  type WorkflowOperations,
} from '../surfaces/control/index.ts';
import { registerDocs } from '../surfaces/docs/index.ts';
import { downgradeTo30 } from '../surfaces/docs/openapi-30.ts';
import { registerEvaluations, serveEvaluationSocket } from '../surfaces/evaluations/index.ts';
import { FLEET_PREFIXES, registerFleet } from '../surfaces/fleet/index.ts';
import { ANTHROPIC_PREFIXES, OPENAI_PREFIXES, registerAnthropic, registerOpenAi } from '../surfaces/gateway/index.ts';
import { HttpApp } from '../surfaces/http/app.ts';
import type { JobOperations } from '../surfaces/http/jobs.ts';
import type { HttpKit } from '../surfaces/http/kit.ts';
import { Sockets } from '../surfaces/http/sockets.ts';
import { OAUTH_PREFIXES, registerOAuth } from '../surfaces/oauth/index.ts';
import { type Check, registerOps } from '../surfaces/ops/index.ts';

export type HttpServerOptions = {
  kit: HttpKit;
  operations: {
    access: ReturnType<typeof accessOperations>;
    vault: VaultOperations;
    keys: ReturnType<typeof keyOperations>;
    login: ReturnType<typeof loginOperations>;
    accounts: ReturnType<typeof accountOperations>;
    passwords: ReturnType<typeof passwordOperations>;
    ownLogins: ReturnType<typeof ownLoginOperations>;
    secondFactors: ReturnType<typeof secondFactorOperations>;
    signingKeys: ReturnType<typeof signingKeyOperations>;
    identityProviders: ReturnType<typeof providerOperations> & ReturnType<typeof domainOperations>;
    sso: ReturnType<typeof ssoOperations>;
    passkeys: ReturnType<typeof passkeyOperations>;
    sessions: ReturnType<typeof sessionOperations>;
    devices: ReturnType<typeof deviceOperations>;
    identity: { whoAmI: typeof whoAmI };
    events: ReturnType<typeof eventOperations>;
    audit: AuditOperations;
    metering: MeteringOperations;
    webhooks: WebhookOperations;
    captures: CaptureOperations;
    providers: ProviderOperations;
    tenancy: ReturnType<typeof tenancyOperations>;
    assets: ReturnType<typeof assetOperations> & ReturnType<typeof quotaOperations>;
    evaluations: ReturnType<typeof evaluationOperations>;
    workflows: WorkflowOperations & ScheduleOperations & JobOperations;
  };
  readiness(): Promise<Check[]>;
  /** How providers of models are doing. */
  health: Pick<Breakers, 'healthOfAll'>;
  /** Public keys of access tokens. */
  jwks(): { keys: readonly Record<string, unknown>[] };
  release: string;
  /** For how long a stop waits for requests that are under way. */
  stopMs: number;
  /** For how long nothing may come of a file that is on its way. */
  silenceMs: number;
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
  const app = new HttpApp({ proxies: kit.proxies, stopMs: options.stopMs, silenceMs: options.silenceMs });
  await app.surface('/v1', (scope) => {
    const { accounts, passwords, ownLogins, secondFactors, signingKeys, identityProviders } = operations;
    const people = {
      ...accounts,
      ...passwords,
      ...ownLogins,
      ...secondFactors,
      ...signingKeys,
      ...identityProviders,
      ...operations.passkeys,
    };
    const { access, keys, events, assets, identity, audit, tenancy, vault, metering, webhooks, captures } = operations;
    return registerControl(scope, {
      kit,
      operations: {
        ...people,
        ...access,
        ...keys,
        ...events,
        ...assets,
        ...identity,
        ...audit,
        ...tenancy,
        ...vault,
        ...metering,
        ...webhooks,
        ...captures,
        ...operations.providers,
        ...operations.workflows,
      },
      health: options.health,
    });
  });
  const gateway = { kit, operations: operations.providers };
  await app.surface(OPENAI_PREFIXES, (scope) => registerOpenAi(scope, gateway));
  await app.surface(ANTHROPIC_PREFIXES, (scope) => registerAnthropic(scope, gateway));
  await app.surface('/api/v1', (scope) =>
    registerBuilds(scope, { kit, operations: { ...operations.login, ...operations.passkeys, ...operations.identity } }),
  );
  await app.surface(FLEET_PREFIXES, (scope) => registerFleet(scope, { kit, operations: operations.devices }));
  await app.surface(OAUTH_PREFIXES, (scope) => {
    const { login, sessions, devices } = operations;
    const discovery = { release: options.release, jwks: options.jwks };
    return registerOAuth(scope, { kit, discovery, operations: { ...login, ...sessions, ...devices } });
  });
  await app.surface(CONSOLE_PREFIXES, (scope) => {
    const { login, passkeys, accounts, passwords, sessions, devices, sso, tenancy } = operations;
    const people = { ...login, ...passkeys, ...accounts, ...passwords, ...sso, ...tenancy };
    const pages = { ...people, ...sessions, ...devices };
    return registerConsole(scope, { kit, operations: pages });
  });
  await app.surface('/api', (scope) => registerEvaluations(scope, { kit, operations: operations.evaluations }));
  await app.surface('', (scope) => registerOps(scope, { kit, readiness: options.readiness, openApi }));
  await app.pages((scope) => registerDocs(scope, { all: openApi, evaluations: evaluationsOpenApi }));
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
