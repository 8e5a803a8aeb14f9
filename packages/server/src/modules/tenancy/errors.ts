import { defineErrors } from '../../kernel/errors.ts';

export const organizationErrors = defineErrors('organization', {
  not_found: 'not_found',
  slug_taken: 'conflict',
  creation_closed: 'denied',
  owner_only: 'denied',
  not_deleted: 'conflict',
  grace_over: 'conflict',
  not_paying: 'billing',
});

export const billingErrors = defineErrors('billing', {
  not_configured: 'not_found',
  signature_invalid: 'unauthenticated',
});

export const memberErrors = defineErrors('member', {
  not_found: 'not_found',
  exists: 'conflict',
  last_owner: 'conflict',
  above_you: 'denied',
  beyond_you: 'denied',
  own_role: 'denied',
  administrators_only: 'denied',
  people_only: 'denied',
  owner_role: 'invalid',
});

export const teamErrors = defineErrors('team', {
  not_found: 'not_found',
  name_taken: 'conflict',
  not_maintainer: 'denied',
});

export const invitationErrors = defineErrors('invitation', {
  not_found: 'not_found',
  pending: 'conflict',
  expired: 'conflict',
  settled: 'conflict',
  other_address: 'denied',
  account_exists: 'conflict',
  account_needed: 'invalid',
  account_unneeded: 'invalid',
});

export const customRoleErrors = defineErrors('custom_role', {
  not_found: 'not_found',
  name_taken: 'conflict',
  in_use: 'conflict',
  unknown_scope: 'invalid',
  own: 'denied',
});

export const serviceAccountErrors = defineErrors('service_account', { not_found: 'not_found' });

export const userErrors = defineErrors('user', {
  not_found: 'not_found',
  email_taken: 'conflict',
  confirmation_wrong: 'invalid',
});
