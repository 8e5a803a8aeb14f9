import { isUuid } from '../../../kernel/ids.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { type AnyOperation, operation } from '../../../platform/operation.ts';
import type { AccountServices } from '../accounts/services.ts';
import { ssoErrors } from '../errors.ts';
import { type IdentityProvider, type ProviderDomain, proofRecord } from './model.ts';
import { existing } from './operations.ts';
import * as store from './store.ts';

/** Gives the TXT records of a name, each as one text; none when there are none. */
export type ResolveText = (name: string) => Promise<string[]>;

export type DomainOperationsOptions = Pick<AccountServices, 'statements' | 'transaction' | 'audit'> & {
  resolveText: ResolveText;
};

/** Operations that prove domains: until then a provider speaks for nobody in them. */
export function domainOperations({ statements, transaction, audit, resolveText }: DomainOperationsOptions) {
  const verifyProviderDomain = operation({
    name: 'identity.provider.verify_domain',
    summary:
      'Prove that a domain is the organization’s, by its TXT record. An administrator of the installation needs none.',
    scope: 'sso:write',
    effect: 'create',
    rate: 'control',
    audit: 'own',
    transaction: 'none',
    async run(context, input: { id: string; domain: string }): Promise<IdentityProvider> {
      const { by, call } = context;
      const orgId = String(by.orgId);
      const { domain, proof } = await statements((tx) => claimedDomain(tx, orgId, input));
      const record = proofRecord({ domain, proof });
      const isProved = by.isPlatformAdmin || (await resolveText(record.name)).includes(record.value);
      if (!isProved) {
        throw ssoErrors.proof_missing(
          `There is no TXT record ${record.name} that says "${record.value}". Add it, wait until it is known, and try again.`,
        );
      }
      return transaction(async (tx) => {
        const provider = existing(await store.lockProvider(tx, orgId, input.id));
        await store.markDomainVerified(tx, { orgId, id: provider.id, domain, by: `${by.kind}:${by.id}` });
        const how = by.isPlatformAdmin ? 'administrator' : 'dns';
        audit(
          { tx, call },
          { orgId, userId: by.id },
          {
            action: 'identity_provider.domain_verified',
            target: { type: 'identity_provider', id: provider.id },
            detail: { domain, how },
          },
        );
        return existing(await store.findProvider(tx, orgId, provider.id));
      });
    },
  });

  return { verifyProviderDomain } satisfies Record<string, AnyOperation>;
}

async function claimedDomain(tx: Tx, orgId: string, of: { id: string; domain: string }): Promise<ProviderDomain> {
  const provider = existing(isUuid(of.id) ? await store.findProvider(tx, orgId, of.id) : null);
  const found = provider.domains.find(({ domain }) => domain === of.domain.toLowerCase());
  if (!found)
    throw ssoErrors.domain_unknown('The identity provider has no such domain. Add it to its `domains` first.');
  return found;
}
