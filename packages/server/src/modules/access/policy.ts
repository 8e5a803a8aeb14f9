import { MEMBER_ROLES, type MemberRole, type Principal } from '../../kernel/principal.ts';
import { accessErrors } from './errors.ts';

/** Every scope that exists, with the sentence that the console and the reference show. */
export const SCOPES = {
  'organizations:read': 'See the organization and its settings.',
  'apikeys:read': 'List API keys and their scopes. Never shows a key.',
  'apikeys:write': 'Create and revoke API keys, within your own rights.',
  'audit:read': 'Read the audit log.',
  'assets:read': 'Download stored files and run output.',
  'events:read': 'Follow the event stream.',
  'evaluations:read': 'See evaluations, their output and the queue.',
  'evaluations:write': 'Submit, cancel and kill evaluations.',
} as const satisfies Record<string, string>;
export type Scope = keyof typeof SCOPES;

const READS = Object.keys(SCOPES).filter((scope) => scope.endsWith(':read')) as Scope[];
const VIEWER: Scope[] = READS.filter((scope) => scope !== 'audit:read' && scope !== 'apikeys:read');
const DEVELOPER: Scope[] = [...VIEWER, 'evaluations:write', 'apikeys:read'];
const OPERATOR: Scope[] = [...DEVELOPER, 'audit:read'];
const ALL = Object.keys(SCOPES) as Scope[];

/** What each member role holds. A role of the ladder holds all that the ones below it hold. */
export const ROLE_SCOPES: Readonly<Record<MemberRole, ReadonlySet<string>>> = {
  viewer: new Set(VIEWER),
  developer: new Set(DEVELOPER),
  operator: new Set(OPERATOR),
  admin: new Set(ALL),
  owner: new Set(ALL),
};

/** Sets of scopes to choose from when a key is made. */
export const KEY_TEMPLATES: Readonly<Record<'full_access' | 'submit_observe' | 'read_only', readonly Scope[]>> = {
  full_access: ALL,
  submit_observe: [...VIEWER, 'evaluations:write'],
  read_only: READS,
};

/** The part of `asked` that `bound` allows. */
export function scopesWithin(asked: Iterable<string>, bound: ReadonlySet<string>): Set<string> {
  return new Set([...asked].filter((scope) => bound.has(scope)));
}

/** What a decision needs to know of an operation. */
export type Governed = { name: string; scope: string; effect: 'read' | 'create' | 'wind_down' };

/**
 * Decides whether the principal may run an operation now.
 * @throws AppError `unauthenticated`, `denied` or `billing`, saying what is missing
 */
export function assertAllowed(principal: Principal, operation: Governed, now: Date): void {
  if (operation.scope === 'public') return;
  if (principal.kind === 'system') return;
  if (principal.kind === 'anonymous') {
    throw accessErrors.unauthenticated(
      'This needs a credential. Send `Authorization: Bearer <token or key>` or `X-API-Key: <key>`.',
    );
  }
  if (operation.scope !== 'authenticated' && !principal.scopes.has(operation.scope))
    throw missing(principal, operation.scope);
  if (operation.effect === 'create' && !isPaying(principal, now)) {
    throw accessErrors.billing_inactive(
      `The organization's billing is ${principal.posture}: new work is closed, reading and stopping work are not. Ask an owner to renew.`,
    );
  }
}

function isPaying({ posture, trialEndsAt }: Principal, now: Date): boolean {
  return posture === 'active' || (posture === 'trial' && (trialEndsAt === null || trialEndsAt > now));
}

function missing(principal: Principal, scope: string): Error {
  if (principal.kind === 'api_key') {
    return accessErrors.scope_missing(`This API key lacks the scope ${scope}. Use a key that has it.`);
  }
  const lowest = MEMBER_ROLES.find((role) => ROLE_SCOPES[role].has(scope)) ?? 'owner';
  return accessErrors.role_missing(
    `This needs the role ${lowest} or above (scope ${scope}); yours is ${principal.role ?? 'none'}. Ask an owner.`,
  );
}
