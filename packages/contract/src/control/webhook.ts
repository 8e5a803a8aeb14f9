import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { PageQuery } from './page.ts';

const PATTERN = /^(?:\*|[a-z][a-z_]*)(?:[.*](?:\*|[a-z_]+)?)*$/;

const EventTypes = z
  .array(z.string().min(1).max(100).regex(PATTERN, 'a type of events, in which `*` stands for any characters'))
  .max(50)
  .meta({ description: 'Types of events, or patterns: `budget.*`, `*.failed`. Empty: all.' });
const Subjects = z
  .array(z.string().min(1).max(100))
  .max(100)
  .meta({ description: 'Ids of the things that events are about. Empty: all.' });
const Url = z
  .url({ protocol: /^https?$/ })
  .max(2000)
  .meta({ description: 'Where messages are posted to.' });
const Description = z.string().trim().max(200);

export const Webhook = z
  .object({
    id: z.uuid(),
    url: z.string(),
    description: z.string(),
    event_types: EventTypes,
    subjects: Subjects,
    status: z
      .enum(['enabled', 'failing', 'disabled'])
      .meta({ description: '`failing`: it took none of the last messages, and is tried with pauses.' }),
    disabled_reason: z.enum(['by_hand', 'failing', 'gone', 'maker_removed']).nullable(),
    disabled_at: z.iso.datetime().nullable(),
    consecutive_failures: z.int(),
    failing_since: z.iso.datetime().nullable(),
    created_by: z.string(),
    hears_as: z.object({ kind: z.string(), id: z.string() }).meta({
      description: 'Whose permissions bound what it hears: who made it, or last said where it is or what it hears.',
    }),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'Webhook' });
export type Webhook = z.infer<typeof Webhook>;

export const NewWebhook = z
  .strictObject({
    url: Url,
    description: Description.default(''),
    event_types: EventTypes.default([]),
    subjects: Subjects.default([]),
  })
  .meta({ id: 'NewWebhook' });
export type NewWebhook = z.input<typeof NewWebhook>;

const WebhookChange = z
  .strictObject({
    url: Url.optional(),
    description: Description.optional(),
    event_types: EventTypes.optional(),
    subjects: Subjects.optional(),
  })
  .refine((body) => Object.keys(body).length > 0, { message: 'give at least one field to change', path: [] })
  .meta({ id: 'WebhookChange' });

const Rotation = z
  .strictObject({
    overlap_seconds: z
      .int()
      .min(0)
      .max(7 * 86_400)
      .default(86_400)
      .meta({
        description: 'For how long messages are signed with the earlier secret, too. 0: it signs nothing any more.',
      }),
  })
  .meta({ id: 'WebhookSecretRotation' });

const Enabling = z
  .strictObject({
    missed: z
      .enum(['skip', 'deliver'])
      .default('skip')
      .meta({ description: 'What becomes of events that it missed while it was disabled, as far as events are kept.' }),
  })
  .meta({ id: 'WebhookEnabling' });

const State = z.enum(['pending', 'delivered', 'failed']);
const delivery = {
  id: z.uuid(),
  webhook_id: z.uuid(),
  message_id: z.string().meta({ description: 'The `webhook-id` header: the same at each attempt.' }),
  event_type: z.string(),
  subject: z.string(),
  status: State,
  is_sending: z.boolean(),
  attempts: z.int(),
  next_attempt_at: z.iso.datetime().nullable(),
  response_status: z.int().nullable().meta({ description: 'Of the last answer.' }),
  error: z.string().nullable().meta({ description: 'Why the last attempt failed.' }),
  created_at: z.iso.datetime(),
  ended_at: z.iso.datetime().nullable(),
};

export const WebhookDelivery = z.object(delivery).meta({ id: 'WebhookDelivery' });
export type WebhookDelivery = z.infer<typeof WebhookDelivery>;

const Attempt = z
  .object({
    number: z.int(),
    at: z.iso.datetime(),
    duration_ms: z.int(),
    response_status: z.int().nullable().meta({ description: 'Null: there was no answer.' }),
    error: z.string().nullable(),
    response_body: z.string().nullable().meta({ description: 'How the answer began: 2 KiB at most.' }),
  })
  .meta({ id: 'WebhookAttempt' });

const LoggedDelivery = z
  .object({
    ...delivery,
    request_body: z.string().nullable().meta({
      description: 'The message as it is sent: its first 20,000 characters. Null for who may not see the event.',
    }),
    request_body_truncated: z.boolean(),
    attempt_log: z.array(Attempt).meta({ description: 'The newest first, 50 at most.' }),
  })
  .meta({ id: 'LoggedWebhookDelivery' });
export type LoggedWebhookDelivery = z.infer<typeof LoggedDelivery>;

const Identified = z.object({ id: z.string().max(64) });
const OneOf = Identified.extend({ delivery_id: z.string().max(64) });
const OneWebhook = enveloped(z.object({ webhook: Webhook }));
const Secret = z
  .string()
  .meta({ description: '`whsec_` and the base64 of the secret. It is in this answer and nowhere else.' });
const IssuedWebhook = enveloped(z.object({ webhook: Webhook, secret: Secret }));
const OneDelivery = enveloped(z.object({ delivery: WebhookDelivery }));

/** Webhooks: events, posted to addresses of the organization's own and signed as Standard Webhooks say. */
export const webhookRoutes = {
  createWebhook: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/webhooks',
    operation: 'webhooks.webhook.create',
    summary: 'Have an address told of events',
    body: NewWebhook,
    answers: { 201: { description: 'The webhook, and the secret that it is signed with.', schema: IssuedWebhook } },
  }),
  listWebhooks: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/webhooks',
    operation: 'webhooks.webhook.list',
    summary: 'List webhooks and how they fare',
    query: PageQuery,
    answers: {
      200: { description: 'A page, newest first.', schema: enveloped(z.object({ webhooks: z.array(Webhook) })) },
    },
  }),
  getWebhook: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/webhooks/{id}',
    operation: 'webhooks.webhook.get',
    summary: 'Get a webhook and how it fares',
    params: Identified,
    answers: { 200: { description: 'The webhook. `ETag` names its version.', schema: OneWebhook } },
  }),
  updateWebhook: route({
    surface: 'control',
    method: 'PATCH',
    path: '/v1/webhooks/{id}',
    operation: 'webhooks.webhook.update',
    summary: 'Change a webhook; `If-Match` holds the change to the version you read',
    params: Identified,
    body: WebhookChange,
    answers: { 200: { description: 'The changed webhook.', schema: OneWebhook } },
  }),
  deleteWebhook: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/webhooks/{id}',
    operation: 'webhooks.webhook.delete',
    summary: 'Delete a webhook',
    params: Identified,
    answers: { 200: { description: 'The webhook as it was.', schema: OneWebhook } },
  }),
  disableWebhook: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/webhooks/{id}/disable',
    operation: 'webhooks.webhook.disable',
    summary: 'Send a webhook nothing any more',
    params: Identified,
    answers: { 200: { description: 'The disabled webhook.', schema: OneWebhook } },
  }),
  enableWebhook: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/webhooks/{id}/enable',
    operation: 'webhooks.webhook.enable',
    summary: 'Send a disabled webhook messages again',
    params: Identified,
    body: Enabling.prefault({}),
    answers: { 200: { description: 'The enabled webhook.', schema: OneWebhook } },
  }),
  rotateWebhookSecret: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/webhooks/{id}/rotate-secret',
    operation: 'webhooks.webhook.rotate_secret',
    summary: 'Give a webhook a new secret',
    params: Identified,
    body: Rotation.prefault({}),
    answers: { 200: { description: 'The webhook, and its new secret.', schema: IssuedWebhook } },
  }),
  testWebhook: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/webhooks/{id}/test',
    operation: 'webhooks.webhook.test',
    summary: 'Send a webhook a test message',
    params: Identified,
    answers: { 202: { description: 'The delivery: get it to see what came of it.', schema: OneDelivery } },
  }),
  listWebhookDeliveries: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/webhooks/{id}/deliveries',
    operation: 'webhooks.delivery.list',
    summary: 'List deliveries to a webhook',
    params: Identified,
    query: PageQuery.extend({ status: State.optional() }),
    answers: {
      200: {
        description: 'A page, newest first.',
        schema: enveloped(z.object({ deliveries: z.array(WebhookDelivery) })),
      },
    },
  }),
  getWebhookDelivery: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/webhooks/{id}/deliveries/{delivery_id}',
    operation: 'webhooks.delivery.get',
    summary: 'Get a delivery with each attempt',
    params: OneOf,
    answers: {
      200: { description: 'The delivery.', schema: enveloped(z.object({ delivery: LoggedDelivery })) },
    },
  }),
  redeliver: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/webhooks/{id}/deliveries/{delivery_id}/redeliver',
    operation: 'webhooks.delivery.redeliver',
    summary: 'Send a message once more',
    params: OneOf,
    answers: { 202: { description: 'The delivery, on its way again.', schema: OneDelivery } },
  }),
};
