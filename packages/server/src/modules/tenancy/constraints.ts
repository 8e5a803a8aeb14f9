import type { ConstraintErrors } from '../../platform/db/index.ts';
import {
  customRoleErrors,
  invitationErrors,
  memberErrors,
  organizationErrors,
  teamErrors,
  userErrors,
} from './errors.ts';

const pendingInvitation = () =>
  invitationErrors.pending('This address has a pending invitation. Revoke it first, or wait until it is answered.');
const roleInUse = () => customRoleErrors.in_use('Members or invitations have this role. Give them another first.');

/** What a violation of this module's constraints means to a caller. */
export const tenancyConstraints: ConstraintErrors = {
  organizations__slug: () => organizationErrors.slug_taken('An organization with this slug exists. Choose another.'),
  users__email: () => userErrors.email_taken('Somebody with this e-mail address exists already.'),
  memberships__pk: () => memberErrors.exists('This person is a member already. Change the role instead.'),
  memberships__user_id: () => memberErrors.not_found('There is no person with this id.'),
  memberships__custom_role: roleInUse,
  invitations__pending: pendingInvitation,
  invitations__custom_role: roleInUse,
  custom_roles__name: () => customRoleErrors.name_taken('A custom role with this name exists. Choose another.'),
  teams__name: () => teamErrors.name_taken('A team with this name exists. Choose another.'),
  team_members__team: () => teamErrors.not_found('There is no team with this id.'),
  team_members__member: () => memberErrors.not_found('There is no member with this id in the organization.'),
};
