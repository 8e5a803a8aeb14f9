import type { Principal } from '../../kernel/principal.ts';
import { operation } from '../../platform/operation.ts';

/** The principal behind the credential, as the server sees it. */
export const whoAmI = operation({
  name: 'identity.principal.get',
  summary: 'Who the credential stands for, in which organization, and what it may do.',
  scope: 'authenticated',
  effect: 'read',
  rate: 'control',
  audit: null,
  transaction: 'none',
  run: async (context): Promise<Principal> => context.by,
});
