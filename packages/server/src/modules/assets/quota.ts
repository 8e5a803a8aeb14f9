import type { Tx } from '../../platform/db/index.ts';
import { type AnyOperation, type AuditedAct, type Call, type NewEvent, operation } from '../../platform/operation.ts';
import { findStock, type Stock, updateQuota } from './store-quota.ts';

/** What an organization stores, and how much it may at most; null: there is no limit. */
export type AssetUsage = Stock & { orgId: string; limitBytes: number | null };

export type QuotaServices = {
  /** What an organization may store that has no quota of its own. */
  installationQuotaBytes: number | null;
  /** Holds an organization that is there until the transaction ends. @throws AppError `not_found` */
  holdOrganization(tx: Tx, id: string): Promise<{ id: string }>;
  recorder: {
    audit(tx: Tx, of: { call: Call; orgId: string }, act: AuditedAct): void;
    emit(tx: Tx, orgId: string, event: NewEvent): void;
  };
};

export const quotaOperations = ({ installationQuotaBytes, holdOrganization, recorder }: QuotaServices) => {
  const usageOf = (orgId: string, stock: Stock): AssetUsage => ({
    ...stock,
    orgId,
    limitBytes: stock.quotaBytes ?? installationQuotaBytes,
  });

  const getAssetUsage = operation({
    name: 'assets.usage.get',
    summary: 'See how much the organization stores, and may.',
    scope: 'assets:read',
    effect: 'read',
    rate: 'control',
    audit: null,
    async run({ tx, by }, _input: undefined): Promise<AssetUsage> {
      const orgId = String(by.orgId);
      return usageOf(orgId, await findStock(tx, orgId));
    },
  });

  const setAssetQuota = operation({
    name: 'assets.quota.set',
    summary: 'Set how much an organization may store, as an administrator of the installation.',
    scope: 'platform',
    effect: 'wind_down',
    rate: 'control',
    audit: 'own',
    transaction: 'system',
    async run({ tx, call }, { id, quotaBytes }: { id: string; quotaBytes: number | null }): Promise<AssetUsage> {
      const { id: orgId } = await holdOrganization(tx, id);
      const { before, after } = await updateQuota(tx, orgId, quotaBytes);
      const action = 'organization.asset_quota_updated';
      const target = { type: 'organization', id: orgId };
      recorder.audit(tx, { call, orgId }, { action, target, detail: { before, after: quotaBytes }, personal: {} });
      recorder.emit(tx, orgId, { type: action, subject: orgId, data: { quota_bytes: quotaBytes } });
      return usageOf(orgId, after);
    },
  });
  return { getAssetUsage, setAssetQuota } satisfies Record<string, AnyOperation>;
};
