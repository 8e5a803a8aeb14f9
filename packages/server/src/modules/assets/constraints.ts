import type { ConstraintErrors } from '../../platform/db/index.ts';
import { assetErrors } from './errors.ts';

/** What a violation of this module's constraints means. */
export const assetConstraints: ConstraintErrors = {
  assets__content: () =>
    assetErrors.upload_lost('The upload took so long that it was given up meanwhile. Send it again.'),
};
