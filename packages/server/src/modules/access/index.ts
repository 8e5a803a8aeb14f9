/**
 * Access decides who may do what: the scope catalogue, what each member role holds, key templates, and the decision
 * itself. It has no tables: grants live on memberships and keys, and reach it inside the principal.
 * Invariants: an empty scope list means no access; scopes only ever narrow from person to key.
 */
export { assertAllowed, KEY_TEMPLATES, ROLE_SCOPES, SCOPES, scopesWithin } from './policy.ts';
