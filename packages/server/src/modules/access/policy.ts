import { type GrantSource, MEMBER_ROLES, type Principal } from '../../kernel/principal.ts';
import { coverage, ROLE_SCOPES } from './catalogue.ts';
import { accessErrors } from './errors.ts';

/** What a decision needs to know of an operation. */
export type Governed = {
  name: string;
  scope: string;
  effect: 'read' | 'create' | 'wind_down';
  /** Whether it can keep to the rows that the caller owns: only then is a scope `:own` enough. */
  narrows?: boolean;
};

/** How far a permission reaches: to every row of the organization, or to the caller's own. */
export type Reach = { ownOnly: boolean };

/** Why something is allowed. */
export type AllowedBecause = 'public' | 'system' | 'authenticated' | 'platform_grant' | 'scope' | 'own_scope';
/** Why something is not. */
export type RefusedBecause =
  | 'unauthenticated'
  | 'scope_missing'
  | 'role_missing'
  | 'platform_grant_missing'
  | 'billing_inactive';

/** The grant that decided: the scope as it is held, and what it is held by. */
export type Matched = { scope: string; via: GrantSource['kind'] | 'platform_grant'; name: string | null };

/** A decision that explains itself. */
export type Decision =
  | { allowed: true; ownOnly: boolean; reason: AllowedBecause; matched: Matched | null }
  | { allowed: false; reason: RefusedBecause; matched: null };

const refused = (reason: RefusedBecause): Decision => ({ allowed: false, reason, matched: null });
const open = (reason: AllowedBecause): Decision => ({ allowed: true, ownOnly: false, reason, matched: null });

/**
 * Decides whether the principal may run an operation now, how far it reaches, and why. Pure: the Operator asks it for
 * every call, and whoever asks for a decision gets the one that the Operator would take.
 */
export function decide(principal: Principal, operation: Governed, now: Date): Decision {
  if (operation.scope === 'public') return open('public');
  if (principal.kind === 'system') return open('system');
  if (principal.kind === 'anonymous') return refused('unauthenticated');
  const decision = decideScope(principal, operation);
  if (decision.allowed && operation.effect === 'create' && principal.orgId !== null && !isPaying(principal, now))
    return refused('billing_inactive');
  return decision;
}

function decideScope(principal: Principal, { scope, narrows }: Governed): Decision {
  if (scope === 'authenticated') return open('authenticated');
  if (scope === 'platform') {
    if (!principal.isPlatformAdmin) return refused('platform_grant_missing');
    return { allowed: true, ownOnly: false, reason: 'platform_grant', matched: matchedBy('platform', PLATFORM) };
  }
  const covered = coverage(principal.scopes, scope);
  if (covered === 'all') {
    const held = principal.scopes.has(scope) ? scope : scope.replace(/:own$/, '');
    return { allowed: true, ownOnly: false, reason: 'scope', matched: matchedBy(held, principal.source) };
  }
  if (covered === 'own' && narrows) {
    return { allowed: true, ownOnly: true, reason: 'own_scope', matched: matchedBy(`${scope}:own`, principal.source) };
  }
  return refused(principal.kind === 'api_key' ? 'scope_missing' : 'role_missing');
}

const PLATFORM = { kind: 'platform_grant', name: null } as const;

const matchedBy = (scope: string, { kind, name }: Pick<Matched, 'name'> & { kind: Matched['via'] }): Matched => ({
  scope,
  via: kind,
  name,
});

/**
 * Decides whether the principal may run an operation now, and how far it reaches.
 * @throws AppError `unauthenticated`, `denied` or `billing`, saying what is missing
 */
export function assertAllowed(principal: Principal, operation: Governed, now: Date): Reach {
  const decision = decide(principal, operation, now);
  if (decision.allowed) return { ownOnly: decision.ownOnly };
  throw REFUSALS[decision.reason](principal, operation.scope);
}

const REFUSALS: Readonly<Record<RefusedBecause, (principal: Principal, scope: string) => Error>> = {
  unauthenticated: () =>
    accessErrors.unauthenticated(
      'This needs a credential. Send `Authorization: Bearer <token or key>` or `X-API-Key: <key>`.',
    ),
  billing_inactive: ({ posture }) =>
    accessErrors.billing_inactive(
      `The organization's billing is ${posture}: new work is closed, reading and stopping work are not. Ask an owner to renew.`,
    ),
  platform_grant_missing: () =>
    accessErrors.role_missing('This is for administrators of the installation. Ask one of them.'),
  scope_missing: (_principal, scope) =>
    accessErrors.scope_missing(`This API key lacks the scope ${scope}. Use a key that has it.`),
  role_missing: ({ role }, scope) => {
    const lowest = MEMBER_ROLES.find((each) => coverage(ROLE_SCOPES[each], scope) === 'all') ?? 'owner';
    return accessErrors.role_missing(
      `This needs the role ${lowest} or above (scope ${scope}); yours is ${role ?? 'none'}. Ask an owner.`,
    );
  },
};

function isPaying({ posture, trialEndsAt }: Principal, now: Date): boolean {
  return posture === 'active' || (posture === 'trial' && (trialEndsAt === null || trialEndsAt > now));
}
