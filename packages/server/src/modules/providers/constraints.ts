import type { ConstraintErrors } from '../../platform/db/index.ts';
import { providerErrors } from './errors.ts';

/** What a violated constraint of this module means to the caller. */
export const providerConstraints: ConstraintErrors = {
  providers__name: () =>
    providerErrors.name_taken('A provider of this name exists. Choose another name, or change that one.'),
  providers__secret: () =>
    providerErrors.secret_in_use(
      'A provider is let in with this secret. Give that another key, then delete the secret.',
    ),
};
