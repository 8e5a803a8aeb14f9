import { z } from 'zod';
import { route } from '../route.ts';
import { accountRoutes } from './account.ts';
import { apiKeyRoutes } from './api-key.ts';
import { assetRoutes } from './asset.ts';
import { auditLogRoutes } from './audit-log-routes.ts';
import { authzRoutes } from './authz.ts';
import { budgetRoutes } from './budgets.ts';
import { captureRoutes } from './captures.ts';
import { credentialRoutes } from './credential.ts';
import { customRoleRoutes } from './custom-role.ts';
import { encryptionKeyRoutes } from './encryption-key.ts';
import { enveloped } from './envelope.ts';
import { identityProviderRoutes } from './identity-provider.ts';
import { invitationRoutes } from './invitation.ts';
import { jobRoutes } from './job.ts';
import { memberRoutes } from './member.ts';
import { modelPolicyRoutes } from './model-policies.ts';
import { organizationRoutes } from './organization.ts';
import { ownSessionRoutes } from './own-sessions.ts';
import { passkeyRoutes } from './passkey.ts';
import { priceRoutes } from './prices.ts';
import { providerRoutes } from './provider.ts';
import { secondFactorRoutes } from './second-factor.ts';
import { secretRoutes } from './secret.ts';
import { serviceAccountRoutes } from './service-account.ts';
import { signingKeyRoutes } from './signing-keys.ts';
import { teamRoutes } from './team.ts';
import { usageRoutes } from './usage.ts';
import { userRoutes } from './user.ts';
import { webhookRoutes } from './webhook.ts';
import { workflowRoutes } from './workflow.ts';
import { workflowApprovalRoutes } from './workflow-approval.ts';
import { workflowScheduleRoutes } from './workflow-schedule.ts';

export const Principal = z
  .object({
    id: z.string(),
    kind: z.enum(['user', 'api_key', 'system', 'anonymous']),
    organization_id: z.string().nullable(),
    role: z.string().nullable(),
    scopes: z.array(z.string()),
    posture: z.string(),
  })
  .meta({ id: 'Principal' });

export const EventsQuery = z.object({
  after: z
    .string()
    .max(50)
    .optional()
    .meta({ description: 'Replay what came after this event id; `0-0`: all that is kept.' }),
  types: z
    .string()
    .max(1000)
    .optional()
    .meta({ description: 'Event types or patterns, comma-separated; `*` stands for any characters: `evaluation.*`.' }),
  subjects: z
    .string()
    .max(1000)
    .optional()
    .meta({ description: 'Ids of the things that events are about, comma-separated.' }),
  format: z
    .enum(['assay', 'cloudevents'])
    .optional()
    .meta({ description: 'The form of events; `Accept: application/cloudevents+json` asks for CloudEvents, too.' }),
});
export type EventsQuery = z.infer<typeof EventsQuery>;

/** Fabric's event on the stream. */
export const StreamEvent = z
  .object({
    id: z.string(),
    type: z.string(),
    subject: z.string(),
    organization_id: z.string(),
    occurred_at: z.iso.datetime(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Event' });
export type StreamEvent = z.infer<typeof StreamEvent>;

/** An event by CloudEvents 1.0, in its JSON format. */
export const CloudEvent = z
  .object({
    specversion: z.literal('1.0'),
    id: z.string(),
    source: z.string(),
    type: z.string(),
    subject: z.string(),
    time: z.iso.datetime(),
    datacontenttype: z.literal('application/json'),
    organizationid: z.string(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'CloudEvent' });
export type CloudEvent = z.infer<typeof CloudEvent>;

/** The `control` surface, as far as it is served. */
export const controlRoutes = {
  me: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/me',
    operation: 'identity.principal.get',
    summary: 'Current principal',
    answers: { 200: { description: 'The principal.', schema: enveloped(z.object({ principal: Principal })) } },
  }),
  ...organizationRoutes,
  ...memberRoutes,
  ...teamRoutes,
  ...invitationRoutes,
  ...customRoleRoutes,
  ...serviceAccountRoutes,
  ...userRoutes,
  ...apiKeyRoutes,
  ...accountRoutes,
  ...ownSessionRoutes,
  ...identityProviderRoutes,
  ...secondFactorRoutes,
  ...passkeyRoutes,
  ...signingKeyRoutes,
  ...authzRoutes,
  ...auditLogRoutes,
  ...providerRoutes,
  ...modelPolicyRoutes,
  ...secretRoutes,
  ...credentialRoutes,
  ...encryptionKeyRoutes,
  ...budgetRoutes,
  ...usageRoutes,
  ...captureRoutes,
  ...priceRoutes,
  ...webhookRoutes,
  ...workflowRoutes,
  ...jobRoutes,
  ...workflowApprovalRoutes,
  ...workflowScheduleRoutes,
  ...assetRoutes,
  streamEvents: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/events/stream',
    operation: 'events.stream.follow',
    summary: 'All events (SSE)',
    query: EventsQuery,
    answers: {
      200: {
        description:
          'Events as server-sent events; resume with `Last-Event-ID`. A stream that is cut says why in an event `error`.',
        otherMedia: ['text/event-stream'],
      },
    },
    streams: true,
  }),
};
