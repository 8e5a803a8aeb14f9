/**
 * Access decides who may do what: the scope catalogue, what each member role holds, key templates, and the decision
 * itself, which explains itself. It has no tables: grants live on memberships and keys, and reach it inside the principal.
 * Invariants: an empty scope list means no access; scopes only ever narrow from person to key.
 */
export {
  coverage,
  KEY_TEMPLATES,
  type KeyTemplate,
  ROLE_SCOPES,
  SCOPES,
  scopesOfKey,
  scopesOfMember,
  scopesWithin,
} from './catalogue.ts';
export type { Check, CheckResult, PrincipalRef, Reason, Verdict } from './checks.ts';
export { type AccessServices, accessOperations } from './operations.ts';
export type { HeldScope, PermissionGrant, Permissions } from './permissions.ts';
export { assertAllowed, type Decision, decide, type Matched, type Reach } from './policy.ts';
export { findTenancyRows } from './reads.ts';
export { type FindOwners, isOwn, type Owner, type ResourceTypes } from './resources.ts';
