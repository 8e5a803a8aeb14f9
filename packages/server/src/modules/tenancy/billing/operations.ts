import { isUuid } from '../../../kernel/ids.ts';
import type { Posture } from '../../../kernel/principal.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { type AnyOperation, type Call, operation } from '../../../platform/operation.ts';
import { billingErrors } from '../errors.ts';
import type { Organization } from '../model.ts';
import { lockOrganization, noSuchOrganization, updateBilling } from '../organizations/store.ts';
import type { TenancyServices } from '../ports.ts';
import { assertSigned, type Signed } from './signature.ts';
import { takeMessage } from './store.ts';

/** What billing says of an organization. */
export type Billing = { id: string; posture: Posture; trialEndsAt: Date | null };

const detailOf = ({ posture, trialEndsAt }: Organization) => ({ posture, trial_ends_at: trialEndsAt });

export const billingOperations = (services: TenancyServices) => {
  const setBilling = operation({
    name: 'tenancy.billing.set',
    summary: 'Set the billing posture of an organization, as an administrator of the installation.',
    scope: 'platform',
    effect: 'wind_down',
    rate: 'control',
    audit: 'own',
    transaction: 'system',
    run: async ({ tx, call }, billing: Billing): Promise<Organization> => apply(tx, { call, billing }, services),
  });

  const receiveBilling = operation({
    name: 'tenancy.billing.receive',
    summary: 'Take what the billing system says of an organization, signed by the shared secret.',
    scope: 'public',
    effect: 'wind_down',
    rate: 'control',
    audit: 'own',
    transaction: 'system',
    async run({ tx, call }, input: { signed: Signed; billing: Billing }): Promise<{ isNew: boolean }> {
      const { billingWebhookSecret: secret } = services.settings;
      if (secret === null) {
        throw billingErrors.not_configured('There is no billing webhook here. Set ASSAY_BILLING_WEBHOOK_SECRET first.');
      }
      assertSigned(input.signed, secret, new Date());
      if (!(await takeMessage(tx, input.signed.id))) return { isNew: false };
      const actor = { kind: 'system', id: 'billing' };
      await apply(tx, { call, billing: input.billing, actor }, services);
      return { isNew: true };
    },
  });
  return { setBilling, receiveBilling } satisfies Record<string, AnyOperation>;
};

async function apply(
  tx: Tx,
  { call, billing, actor }: { call: Call; billing: Billing; actor?: { kind: string; id: string } },
  { recorder, grantsChanged }: TenancyServices,
): Promise<Organization> {
  if (!isUuid(billing.id)) throw noSuchOrganization();
  const before = await lockOrganization(tx, billing.id);
  const after = await updateBilling(tx, { ...billing, id: before.id });
  grantsChanged(tx);
  recorder.audit(
    tx,
    { call, orgId: after.id, ...(actor ? { actor } : {}) },
    {
      action: 'organization.billing_updated',
      target: { type: 'organization', id: after.id },
      detail: { before: detailOf(before), after: detailOf(after) },
      personal: {},
    },
  );
  recorder.emit(tx, after.id, {
    type: 'organization.billing_updated',
    subject: after.id,
    data: { posture: after.posture },
  });
  return after;
}
