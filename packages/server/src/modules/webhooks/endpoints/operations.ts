import { isUuid, newId } from '../../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import { assertExpected, type Expected } from '../../../kernel/precondition.ts';
import { readDestination } from '../../../platform/http-client/index.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import type { EventFilter } from '../../events/index.ts';
import { webhookErrors } from '../errors.ts';
import type { WebhookServices } from '../services.ts';
import { makerOf } from './maker.ts';
import { MOST_WEBHOOKS, type Webhook } from './model.ts';
import { addSecret } from './secrets.ts';
import * as store from './store.ts';

export type WebhookRequest = { url: string; description: string; filter: EventFilter };
/** What is left out stays as it is. */
export type WebhookPatch = {
  id: string;
  expected: Expected;
  url?: string | undefined;
  description?: string | undefined;
  types?: readonly string[] | undefined;
  subjects?: readonly string[] | undefined;
};
/** A webhook with the secret that was made for it: it is in this answer and nowhere else. */
export type IssuedWebhook = store.WebhookWithHealth & { secret: string };
type Changed = store.WebhookWithHealth & { before: Webhook };
type One = { id: string };

const WRITE = { scope: 'webhooks:write', rate: 'control' } as const;
const READ = { scope: 'webhooks:read', effect: 'read', rate: 'control', audit: null } as const;

export const endpointOperations = (services: WebhookServices) =>
  ({
    createWebhook: createWebhook(services),
    listWebhooks,
    getWebhook,
    updateWebhook: updateWebhook(services),
    deleteWebhook,
    disableWebhook,
    enableWebhook: enableWebhook(services),
    rotateWebhookSecret: rotateWebhookSecret(services),
  }) satisfies Record<string, AnyOperation>;

const createWebhook = (services: WebhookServices) =>
  operation({
    ...WRITE,
    name: 'webhooks.webhook.create',
    summary:
      'Have an address of your own told of events that you may see. Its secret is in this answer and nowhere else.',
    effect: 'create',
    audit: {
      action: 'webhook.created',
      target: (_input: WebhookRequest, { webhook }: IssuedWebhook) => targetOf(webhook),
      detail: (_input, { webhook }) => ({ after: describe(webhook) }),
    },
    async run(context, { url, description, filter }): Promise<IssuedWebhook> {
      const { tx, by } = context;
      const orgId = orgOf(context);
      assertHeard(context, services, { url, types: filter.types });
      if ((await store.countWebhooks(tx, orgId)) >= MOST_WEBHOOKS)
        throw webhookErrors.too_many(
          `There are ${MOST_WEBHOOKS} webhooks already. Delete one that is not needed any more.`,
        );
      const maker = await makerOf(by, services);
      const of = { orgId, id: newId(), url, description, filter, createdBy: by.id, maker };
      const webhook = await store.insertWebhook(tx, of);
      const secret = await addSecret(tx, { orgId, webhookId: webhook.id, overlapSeconds: 0 }, services.dataKeys);
      context.emit({ type: 'webhook.created', subject: webhook.id, data: { host: hostOf(webhook) } });
      return { webhook, health: WELL, secret };
    },
  });

const listWebhooks = operation({
  ...READ,
  name: 'webhooks.webhook.list',
  summary: 'List webhooks and how they fare.',
  async run(context, input: { limit: number; cursor: string | null }): Promise<Page<store.WebhookWithHealth>> {
    const [after = null] = input.cursor === null ? [] : decodeCursor(input.cursor, [isUuid]);
    const found = await store.listWebhooks(context.tx, { orgId: orgOf(context), after, limit: input.limit + 1 });
    const items = found.slice(0, input.limit);
    const last = items.at(-1);
    return { items, nextCursor: found.length > input.limit && last ? encodeCursor([last.webhook.id]) : null };
  },
});

const getWebhook = operation({
  ...READ,
  name: 'webhooks.webhook.get',
  summary: 'Get a webhook and how it fares; never its secret.',
  run: (context, { id }: One): Promise<store.WebhookWithHealth> => requireWebhook(context, id),
});

const updateWebhook = (services: WebhookServices) =>
  operation({
    ...WRITE,
    name: 'webhooks.webhook.update',
    summary: 'Change where a webhook is and what it hears. Whoever does so bounds what it hears from then on.',
    effect: 'create',
    audit: {
      action: 'webhook.updated',
      target: (_input: WebhookPatch, { webhook }: Changed) => targetOf(webhook),
      detail: (_input, { before, webhook }) => ({ before: describe(before), after: describe(webhook) }),
    },
    async run(context, input): Promise<Changed> {
      const before = await lockWebhook(context, input.id);
      assertExpected(input.expected, before.version);
      const { url = before.url, description = before.description } = input;
      const { types = before.filter.types, subjects = before.filter.subjects } = input;
      const isRedirected = input.url !== undefined || input.types !== undefined || input.subjects !== undefined;
      if (isRedirected) assertHeard(context, services, { url, types });
      const maker = isRedirected ? await makerOf(context.by, services) : before.maker;
      const webhook = await store.updateWebhook(context.tx, {
        ...before,
        url,
        description,
        filter: { types, subjects },
        maker,
      });
      context.emit({ type: 'webhook.updated', subject: webhook.id, data: { host: hostOf(webhook) } });
      return { before, ...(await requireWebhook(context, input.id)) };
    },
  });

const deleteWebhook = operation({
  ...WRITE,
  name: 'webhooks.webhook.delete',
  summary: 'Delete a webhook. What was on its way to it is not sent.',
  effect: 'wind_down',
  audit: {
    action: 'webhook.deleted',
    target: (_input: One & { expected: Expected }, { webhook }: store.WebhookWithHealth) => targetOf(webhook),
    detail: (_input, { webhook }) => ({ before: describe(webhook) }),
  },
  async run(context, { id, expected }): Promise<store.WebhookWithHealth> {
    const webhook = await lockWebhook(context, id);
    assertExpected(expected, webhook.version);
    const found = await requireWebhook(context, id);
    await store.deleteWebhook(context.tx, webhook);
    context.emit({ type: 'webhook.deleted', subject: id, data: { host: hostOf(webhook) } });
    return found;
  },
});

const disableWebhook = operation({
  ...WRITE,
  name: 'webhooks.webhook.disable',
  summary: 'Have a webhook sent nothing any more, until it is enabled.',
  effect: 'wind_down',
  audit: {
    action: 'webhook.disabled',
    target: (_input: One, { webhook }: store.WebhookWithHealth) => targetOf(webhook),
    detail: () => ({ reason: 'by_hand' }),
  },
  async run(context, { id }): Promise<store.WebhookWithHealth> {
    const webhook = await lockWebhook(context, id);
    if (await store.disableWebhook(context.tx, webhook, 'by_hand'))
      context.emit({ type: 'webhook.disabled', subject: id, data: { host: hostOf(webhook), reason: 'by_hand' } });
    return requireWebhook(context, id);
  },
});

const enableWebhook = (services: WebhookServices) =>
  operation({
    ...WRITE,
    name: 'webhooks.webhook.enable',
    summary: 'Have a disabled webhook sent messages again: from now on, or with what it missed.',
    effect: 'create',
    audit: {
      action: 'webhook.enabled',
      target: (_input: One & { missed: 'skip' | 'deliver' }, { webhook }: store.WebhookWithHealth) => targetOf(webhook),
      detail: ({ missed }) => ({ missed }),
    },
    async run(context, { id, missed }): Promise<store.WebhookWithHealth> {
      const webhook = await lockWebhook(context, id);
      if (webhook.disabled !== null) {
        // Before it is enabled: what comes from then on is heard.
        if (missed === 'skip') await store.skipMissed(context.tx, webhook);
        await store.enableWebhook(context.tx, webhook);
        context.emit({ type: 'webhook.enabled', subject: id, data: { host: hostOf(webhook), missed } });
        context.tx.onCommit(services.queued);
      }
      return requireWebhook(context, id);
    },
  });

const rotateWebhookSecret = (services: WebhookServices) =>
  operation({
    ...WRITE,
    name: 'webhooks.webhook.rotate_secret',
    summary: 'Give a webhook a new secret. Messages are signed with the one before, too, until the overlap is over.',
    effect: 'create',
    audit: {
      action: 'webhook.secret_rotated',
      target: (_input: One & { overlapSeconds: number }, { webhook }: IssuedWebhook) => targetOf(webhook),
      detail: ({ overlapSeconds }) => ({ overlap_seconds: overlapSeconds }),
    },
    async run(context, { id, overlapSeconds }): Promise<IssuedWebhook> {
      const { orgId } = await lockWebhook(context, id);
      const secret = await addSecret(context.tx, { orgId, webhookId: id, overlapSeconds }, services.dataKeys);
      context.emit({ type: 'webhook.secret_rotated', subject: id, data: { overlap_seconds: overlapSeconds } });
      return { ...(await requireWebhook(context, id)), secret };
    },
  });

const WELL = { consecutiveFailures: 0, failingSince: null, pausedUntil: null };
const orgOf = ({ by }: Pick<Context, 'by'>): string => String(by.orgId);
const targetOf = ({ id }: Webhook) => ({ type: 'webhook', id });
/** The path of an address is as good as a password to some receivers: events do not tell it. */
const hostOf = ({ url }: Webhook): string => new URL(url).host;
const describe = ({ url, description, filter }: Webhook) => ({
  host: new URL(url).host,
  description,
  event_types: filter.types,
  subjects: filter.subjects,
});

const noSuchWebhook = (): Error => webhookErrors.not_found('There is no webhook with this id.');

/** Finds a webhook of the caller's organization. */
export async function requireWebhook(
  { tx, by }: Pick<Context, 'tx' | 'by'>,
  id: string,
): Promise<store.WebhookWithHealth> {
  const found = isUuid(id) ? await store.findWebhook(tx, orgOf({ by }), id) : null;
  if (!found) throw noSuchWebhook();
  return found;
}

async function lockWebhook(context: Context, id: string): Promise<Webhook> {
  const webhook = isUuid(id) ? await store.lockWebhook(context.tx, orgOf(context), id) : null;
  if (!webhook) throw noSuchWebhook();
  return webhook;
}

/** Holds a webhook to an address that may be called, and to events that the caller may be told of. */
function assertHeard(
  { by }: Pick<Context, 'by'>,
  { rules, audibilityOf }: WebhookServices,
  { url, types }: { url: string; types: readonly string[] },
): void {
  readDestination(url, { rules, field: 'url' });
  for (const type of types) {
    const audibility = audibilityOf(by, type);
    if (audibility === 'unknown') throw unknownType(type);
    if (audibility === 'denied')
      throw webhookErrors.type_denied(
        `Your permissions do not reach events of the type ${type}: a webhook hears no more than who makes it. Leave it out, or ask an administrator to make the webhook.`,
      );
  }
}

function unknownType(type: string): Error {
  const message = `No event has the type ${type}. The guide on webhooks lists what there is; \`*\` stands for any characters.`;
  return webhookErrors.type_unknown(message, { faults: [{ field: 'event_types', constraint: 'known', message }] });
}
