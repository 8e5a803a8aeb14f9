import type { PolicyBook } from '../src/modules/providers/policies/policy-book.ts';

/** Policies of an organization that has none. */
export const NO_POLICIES: Pick<PolicyBook, 'appliedTo'> = { appliedTo: async () => [] };

/** Whom a call of an organization's own is for. */
export const forOrganization = (orgId: string) => ({ orgId, teamId: null, apiKeyId: null });
