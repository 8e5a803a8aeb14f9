import { scopesWithin } from '../modules/access/index.ts';
import { insertLeaf } from '../modules/audit/index.ts';
import { insertEvent } from '../modules/events/index.ts';
import { findPrincipal } from '../modules/identity/index.ts';
import {
  type DelivererOptions,
  type Disabled,
  deliveryOperations,
  disableWebhook,
  endpointOperations,
  type FanOutOptions,
  type WebhookServices,
} from '../modules/webhooks/index.ts';
import { AddressRules, HttpClient } from '../platform/http-client/index.ts';
import { type Core, TOPICS } from './core.ts';
import { audibilityOf, eventVisibility } from './event-visibility.ts';
import { RELEASE } from './release.ts';
import { resourceTypes } from './resource-types.ts';

type Visibility = ReturnType<ReturnType<typeof eventVisibility>>;

/** What webhooks need of the rest. */
function webhookServices(core: Core, shows: Visibility): WebhookServices {
  return {
    dataKeys: core.vault?.dataKeys,
    rules: new AddressRules(core.config?.outboundNetworks),
    findPerson: findPersonIn(core),
    scopesWithin,
    shows,
    audibilityOf,
    queued: () => core.wakeups.raise(TOPICS.webhooks),
  };
}

/** What a person may do in an organization now. */
export const findPersonIn =
  ({ systemStatements }: Pick<Core, 'systemStatements'>): WebhookServices['findPerson'] =>
  (orgId, id) =>
    systemStatements((tx) => findPrincipal(tx, orgId, { kind: 'user', id }));

/** The operations of webhooks; listed without a core they are only looked at. */
export function webhookOperations(core: Core, visibility: () => Visibility) {
  const services = webhookServices(core, visibility());
  return { ...endpointOperations(services), ...deliveryOperations(services) };
}

/** How a worker reads events for webhooks, and sends the messages. */
export function webhookWork(
  core: Core,
  stack: AsyncDisposableStack,
): { fanOut: FanOutOptions; deliverer: DelivererOptions } {
  const { systemStatements: statements, systemTransaction, onWake, metrics } = core;
  const log = core.log.child({ subsystem: 'webhooks' });
  const types = resourceTypes((orgId, work) => core.database.statements({ orgId }, work));
  const services = webhookServices(core, eventVisibility(types)());
  return {
    fanOut: { ...services, statements, onWake: onWake(TOPICS.events), log },
    deliverer: {
      statements,
      dataKeys: core.vault.dataKeys,
      client: stack.use(new HttpClient({ rules: new AddressRules(core.config.outboundNetworks) })),
      userAgent: `Assay/${RELEASE}`,
      onQueued: onWake(TOPICS.webhooks),
      disable: (webhook, reason) =>
        systemTransaction((tx) => disableWebhook(tx, webhook, { reason, disabled: tellDisabled(core) })),
      observe: ({ outcome, seconds }) => metrics.webhookAttempts.observe({ outcome }, seconds),
      log,
    },
  };
}

/** Tells of a webhook that nobody disabled by hand. */
export const tellDisabled =
  ({ told }: Pick<Core, 'told'>): Disabled =>
  (tx, { orgId, id, url }, reason) => {
    const data = { host: new URL(url).host, reason };
    insertEvent(tx, orgId, { type: 'webhook.disabled', subject: id, data });
    insertLeaf(tx, {
      orgId,
      action: 'webhook.disabled',
      outcome: 'allowed',
      actor: { kind: 'system', id: 'webhooks' },
      credential: 'none',
      via: 'job',
      target: { type: 'webhook', id },
      requestId: '',
      traceId: null,
      detail: { reason },
      personal: {},
    });
    tx.onCommit(told);
  };
