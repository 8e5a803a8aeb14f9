import {
  type LoggedWebhookDelivery,
  controlRoutes as routes,
  type Webhook,
  type WebhookDelivery,
} from '@assay/contract';
import type {
  Attempt,
  Delivery,
  deliveryOperations,
  endpointOperations,
  Health,
  LoggedDelivery,
  Webhook as StoredWebhook,
} from '../../modules/webhooks/index.ts';
import type { Call } from '../../platform/operation.ts';
import { etagOf, expectedVersions } from '../http/etag.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Handler, Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { pageLinks } from './page-links.ts';

export type WebhookOperations = ReturnType<typeof endpointOperations> & ReturnType<typeof deliveryOperations>;

type Raw = Parameters<Handler<typeof routes.getWebhook>>[2];
type Faring = { webhook: StoredWebhook; health: Health };

/** Webhooks: `data.webhook`, with how it fares; `data.secret` beside it where one was made. */
export function serveWebhooks(surface: Surface, { operator }: HttpKit, of: WebhookOperations): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.createWebhook, async ({ body }, call, raw) => {
    const { url, description, event_types: types, subjects } = body;
    const issued = await run(of.createWebhook, call, { url, description, filter: { types, subjects } });
    return answerWith(call, raw, issued, 201);
  });

  surface.serve(routes.listWebhooks, async ({ query }, call) => {
    const page = await run(of.listWebhooks, call, { limit: query.limit, cursor: query.cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { webhooks: page.items.map(encodeWebhook) },
      links: pageLinks('/v1/webhooks', { limit: query.limit }, page.nextCursor),
    });
  });

  surface.serve(routes.getWebhook, async ({ params }, call, raw) =>
    answerWith(call, raw, await run(of.getWebhook, call, params)),
  );

  surface.serve(routes.updateWebhook, async ({ params, body }, call, raw) => {
    const { url, description, event_types: types, subjects } = body;
    const expected = expectedVersions(raw.request.headers);
    const input = { id: params.id, expected, url, description, types, subjects };
    return answerWith(call, raw, await run(of.updateWebhook, call, input));
  });

  surface.serve(routes.deleteWebhook, async ({ params }, call, raw) => {
    const input = { id: params.id, expected: expectedVersions(raw.request.headers) };
    return answerWith(call, raw, await run(of.deleteWebhook, call, input));
  });

  surface.serve(routes.disableWebhook, async ({ params }, call, raw) =>
    answerWith(call, raw, await run(of.disableWebhook, call, params)),
  );
  surface.serve(routes.enableWebhook, async ({ params, body }, call, raw) =>
    answerWith(call, raw, await run(of.enableWebhook, call, { id: params.id, missed: body.missed })),
  );
  surface.serve(routes.rotateWebhookSecret, async ({ params, body }, call, raw) => {
    const input = { id: params.id, overlapSeconds: body.overlap_seconds };
    return answerWith(call, raw, await run(of.rotateWebhookSecret, call, input));
  });

  surface.serve(routes.testWebhook, async ({ params }, call) =>
    onItsWay(call, await run(of.testWebhook, call, params)),
  );

  surface.serve(routes.listWebhookDeliveries, async ({ params, query }, call) => {
    const { limit, status, cursor } = query;
    const input = { id: params.id, state: status ?? null, limit, cursor: cursor ?? null };
    const page = await run(of.listDeliveries, call, input);
    return envelope(call, {
      status: 200,
      data: { deliveries: page.items.map(encodeDelivery) },
      links: pageLinks(`/v1/webhooks/${params.id}/deliveries`, { limit, status }, page.nextCursor),
    });
  });

  surface.serve(routes.getWebhookDelivery, async ({ params }, call) => {
    const logged = await run(of.getDelivery, call, { id: params.id, deliveryId: params.delivery_id });
    const links = { self: pathOf(logged.delivery) };
    return envelope(call, { status: 200, data: { delivery: encodeLogged(logged) }, links });
  });

  surface.serve(routes.redeliver, async ({ params }, call) =>
    onItsWay(call, await run(of.redeliver, call, { id: params.id, deliveryId: params.delivery_id })),
  );
}

function answerWith(call: Call, { reply }: Raw, faring: Faring & { secret?: string }, status = 200) {
  const { id, version } = faring.webhook;
  reply.header('etag', etagOf(version));
  const data = { webhook: encodeWebhook(faring), ...(faring.secret === undefined ? {} : { secret: faring.secret }) };
  return envelope(call, { status, data, links: { self: `/v1/webhooks/${id}` } });
}

const pathOf = ({ webhookId, id }: Delivery): string => `/v1/webhooks/${webhookId}/deliveries/${id}`;

const onItsWay = (call: Call, delivery: Delivery) =>
  envelope(call, { status: 202, data: { delivery: encodeDelivery(delivery) }, links: { self: pathOf(delivery) } });

const encodeWebhook = ({ webhook, health }: Faring): Webhook => ({
  id: webhook.id,
  url: webhook.url,
  description: webhook.description,
  event_types: [...webhook.filter.types],
  subjects: [...webhook.filter.subjects],
  status: webhook.disabled !== null ? 'disabled' : health.failingSince === null ? 'enabled' : 'failing',
  disabled_reason: webhook.disabled?.reason ?? null,
  disabled_at: webhook.disabled?.at.toISOString() ?? null,
  consecutive_failures: health.consecutiveFailures,
  failing_since: health.failingSince?.toISOString() ?? null,
  created_by: webhook.createdBy,
  hears_as: { kind: webhook.maker.kind, id: webhook.maker.id },
  created_at: webhook.createdAt.toISOString(),
  updated_at: webhook.updatedAt.toISOString(),
});

const encodeDelivery = (delivery: Delivery): WebhookDelivery => ({
  id: delivery.id,
  webhook_id: delivery.webhookId,
  message_id: delivery.messageId,
  event_type: delivery.eventType,
  subject: delivery.subject,
  status: delivery.state,
  is_sending: delivery.isSending,
  attempts: delivery.attempts,
  next_attempt_at: delivery.nextAttemptAt?.toISOString() ?? null,
  response_status: delivery.lastStatus,
  error: delivery.lastError,
  created_at: delivery.createdAt.toISOString(),
  ended_at: delivery.endedAt?.toISOString() ?? null,
});

/** As long as the standard wants messages to be; what is longer is shown in part. */
const BODY_CHARACTERS = 20_000;

const encodeLogged = ({ delivery, attempts, body }: LoggedDelivery): LoggedWebhookDelivery => ({
  ...encodeDelivery(delivery),
  request_body: body?.slice(0, BODY_CHARACTERS) ?? null,
  request_body_truncated: body !== null && body.length > BODY_CHARACTERS,
  attempt_log: attempts.map(encodeAttempt),
});

const encodeAttempt = ({ number, at, durationMs, status, error, answer }: Attempt) => ({
  number,
  at: at.toISOString(),
  duration_ms: durationMs,
  response_status: status,
  error,
  response_body: answer,
});
