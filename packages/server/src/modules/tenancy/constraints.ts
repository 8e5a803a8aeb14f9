import { defineErrors } from '../../kernel/errors.ts';
import type { ConstraintErrors } from '../../platform/db/index.ts';

const organizationErrors = defineErrors('organization', { slug_taken: 'conflict' });
const userErrors = defineErrors('user', { email_taken: 'conflict' });

/** What a violation of this module's constraints means to a caller. */
export const tenancyConstraints: ConstraintErrors = {
  organizations__slug: () => organizationErrors.slug_taken('An organization with this slug exists. Choose another.'),
  users__email: () => userErrors.email_taken('Somebody with this e-mail address exists already.'),
};
