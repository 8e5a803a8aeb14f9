import type { PolicyBook } from '../src/modules/providers/policies/policy-book.ts';
import { TokenLimits } from '../src/modules/providers/policies/token-limits.ts';
import { OwnTokenWindows } from '../src/platform/token-windows.ts';

/** Policies of an organization that has none. */
export const NO_POLICIES: Pick<PolicyBook, 'appliedTo'> = { appliedTo: async () => [] };

/** Limits that nobody set. */
export const NO_TOKEN_LIMITS = new TokenLimits(new OwnTokenWindows());

/** Whom a call of an organization's own is for. */
export const forOrganization = (orgId: string) => ({ orgId, teamId: null, apiKeyId: null });
