import type { AnswerCache } from '../src/modules/providers/cache/answer-cache.ts';
import type { PolicyBook } from '../src/modules/providers/policies/policy-book.ts';
import { TokenLimits } from '../src/modules/providers/policies/token-limits.ts';
import { OwnTokenWindows } from '../src/platform/token-windows.ts';

/** Policies of an organization that has none. */
export const NO_POLICIES: Pick<PolicyBook, 'appliedTo'> = { appliedTo: async () => [] };

/** A cache that nobody switched on. */
export const NO_CACHE: Pick<AnswerCache, 'through'> = { through: (_call, _plan, ask) => ask() };

/** Limits that nobody set. */
export const NO_TOKEN_LIMITS = new TokenLimits(new OwnTokenWindows());

/** Whom a call of an organization's own is for. */
export const forOrganization = (orgId: string) => ({ orgId, teamId: null, apiKeyId: null });
