/**
 * Tenancy owns organizations, the people in them and billing posture.
 * Tables: organizations, users, memberships, custom_roles.
 * Invariants: an organization has at least one owner; an e-mail address names one person.
 */
export { tenancyConstraints } from './constraints.ts';
export { insertFirstOrganization, isEmpty, lockFirstStart } from './first-start.ts';
export type { Membership, Organization, User } from './model.ts';
export { findMembership, findMemberships, findUserByEmail, findUserById } from './reads.ts';
