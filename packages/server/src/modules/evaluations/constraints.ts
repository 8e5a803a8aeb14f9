import type { ConstraintErrors } from '../../platform/db/index.ts';

/** What a violation of this module's constraints means. The six characters of an id are not enough to never meet twice. */
export const evaluationConstraints: ConstraintErrors = { evaluations__pk: 'again' };
