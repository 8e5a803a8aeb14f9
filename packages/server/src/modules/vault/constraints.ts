import type { ConstraintErrors } from '../../platform/db/index.ts';
import { secretErrors, storedCredentialErrors } from './errors.ts';

/** What a violated constraint of the vault means to the caller. */
export const vaultConstraints: ConstraintErrors = {
  secrets__name: () => secretErrors.name_taken('A secret of this name exists. Give it a new value with PUT.'),
  credentials__name: () =>
    storedCredentialErrors.name_taken('A credential of this name exists. Choose another, or delete that one first.'),
};
