/**
 * Tenancy owns organizations, who is in them and as what, teams, invitations, service accounts and billing posture.
 * Tables: organizations, users, memberships, custom_roles, teams, team_members, invitations, billing_messages.
 * Invariants: an organization has at least one owner; an e-mail address names one person; nobody gives more than they
 * hold; a deleted organization is nobody's until it is restored, and after its grace leaves only its audit log.
 */
export { deleteOldBillingMessages } from './billing/jobs.ts';
export { tenancyConstraints } from './constraints.ts';
export { eraseDueOrganizations } from './erasure/jobs.ts';
export { insertFirstOrganization, isEmpty, lockFirstStart } from './first-start.ts';
export type { InvitationView } from './invitations/answers.ts';
export { deleteOldInvitations } from './invitations/jobs.ts';
export type { Invitation } from './invitations/model.ts';
export { admitMember } from './members/admission.ts';
export type { Member, MembershipLine } from './members/model.ts';
export type { Membership, Organization, User } from './model.ts';
export { tenancyOperations } from './operations.ts';
export type { TenancyServices } from './ports.ts';
export { findMembership, findMemberships, findUserById, lockOrganization } from './reads.ts';
export type { CustomRole } from './roles/model.ts';
export type { ServiceAccount } from './service-accounts/model.ts';
export type { Team, TeamMember } from './teams/model.ts';
