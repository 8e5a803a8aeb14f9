import { coverage, SCOPES, scopesOfMember, scopesWithin } from '../modules/access/index.ts';
import { eraseOrganizationFromAudit, erasePersonFromAudit, INSTALLATION, insertLeaf } from '../modules/audit/index.ts';
import { endWorkOf } from '../modules/evaluations/index.ts';
import { insertEvent } from '../modules/events/index.ts';
import { assertAcceptable, freezeKeysOf, hashPassword, personOf, revokeKeysOf } from '../modules/identity/index.ts';
import type { TenancyServices } from '../modules/tenancy/index.ts';
import { disableWebhooksOf, freezeWebhooksOf } from '../modules/webhooks/index.ts';
import { endRunsOf } from '../modules/workflows/index.ts';
import { type Core, TOPICS } from './core.ts';
import { leafOfAct } from './governance.ts';
import { urlOf } from './listening-address.ts';
import { findPersonIn, tellDisabled } from './webhooks.ts';

/** Writes down what happened in an organization other than the caller's own. */
export const recorderOf = ({ told }: Pick<Core, 'told'>): TenancyServices['recorder'] => ({
  audit(tx, { call, orgId, actor }, act) {
    insertLeaf(tx, leafOfAct(call, act, { orgId: orgId ?? INSTALLATION, ...(actor ? { actor } : {}) }));
    tx.onCommit(told);
  },
  emit(tx, orgId, event) {
    insertEvent(tx, orgId, event);
    tx.onCommit(told);
  },
});

/** What tenancy is given by those that it must not know. */
export function tenancyServices(core: Core): TenancyServices {
  const { config, wakeups, logins, mailer, systemTransaction, systemStatements } = core;
  return {
    scopes: {
      isScope: (text) => Object.hasOwn(SCOPES, text),
      ofMember: scopesOfMember,
      within: scopesWithin,
      coverage,
    },
    recorder: recorderOf(core),
    mailer,
    grantsChanged: (tx) => wakeups.raiseWith(tx, TOPICS.grants),
    keys: {
      async freezeOf(tx, orgId, userId) {
        await freezeKeysOf(tx, orgId, userId);
        await freezeWebhooksOf(tx, { orgId, userId }, { findPerson: findPersonIn(core), scopesWithin });
      },
      async revokeOf(tx, orgId, userId) {
        await revokeKeysOf(tx, orgId, userId);
        await disableWebhooksOf(tx, { orgId, userId }, tellDisabled(core));
      },
    },
    accounts: {
      hashPassword(password, owner) {
        assertAcceptable(password, owner);
        return hashPassword(password);
      },
      async assertInPerson(tx, by, how) {
        await personOf({ by }, tx, how);
      },
      signIn: (tx, { userId, orgId, client, call }) =>
        logins.openTokens(tx, { userId, orgId, client, method: 'invitation' }, { call }),
    },
    async endWork(tx, orgId) {
      await endWorkOf(tx, orgId, { endings: core.endings, cancelled: (id) => wakeups.raise(TOPICS.cancelled, id) });
      await endRunsOf(tx, orgId, core.workflows);
    },
    erasePersonal: {
      async ofOrganization(tx, orgId) {
        await eraseOrganizationFromAudit(tx, orgId);
      },
      async ofPerson(tx, { id, email }) {
        await erasePersonFromAudit(tx, { userId: id, email });
      },
    },
    systemTransaction,
    systemStatements,
    linkTo: (path) => `${config.publicUrl ?? urlOf(config.host, config.httpPort)}${path}`,
    settings: {
      organizationCreation: config.organizationCreation,
      graceDays: config.organizationGraceDays,
      billingWebhookSecret: config.billingWebhookSecret?.reveal() ?? null,
    },
  };
}
