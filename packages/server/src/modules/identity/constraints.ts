import type { ConstraintErrors } from '../../platform/db/index.ts';
import { ssoErrors } from './errors.ts';

/** What a violation of this module's constraints means to a caller. */
export const identityConstraints: ConstraintErrors = {
  identity_provider_domains__verified_once: () =>
    ssoErrors.domain_taken('Another identity provider speaks for this domain already. Remove it there first.'),
};
