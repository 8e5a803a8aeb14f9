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
export type { Check, CheckResult, Verdict } from './checks.ts';
export { accessOperations } from './operations.ts';
export { assertAllowed, decide } from './policy.ts';
export { findPersonStanding, findTenancyRows } from './reads.ts';
export { type FindOwners, isOwn, type Owner, type ResourceTypes } from './resources.ts';
