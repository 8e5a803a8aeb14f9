import { defineErrors } from '../../kernel/errors.ts';

export const vaultErrors = defineErrors('encryption_key', {
  unavailable: 'unavailable',
  in_use: 'conflict',
  not_here: 'conflict',
});

export const secretErrors = defineErrors('secret', {
  not_found: 'not_found',
  name_taken: 'conflict',
  value_invalid: 'invalid',
});

export const storedCredentialErrors = defineErrors('credential', {
  unknown: 'not_found',
  name_taken: 'conflict',
  config_invalid: 'invalid',
  not_yours: 'denied',
  no_person: 'conflict',
  not_interactive: 'conflict',
  revoked: 'conflict',
  needs_reauth: 'conflict',
  failed: 'unavailable',
  issuer_unavailable: 'unavailable',
  subject_missing: 'invalid',
  state_invalid: 'invalid',
  authorization_refused: 'conflict',
  public_url_missing: 'conflict',
});
