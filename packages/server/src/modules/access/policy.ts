import { MEMBER_ROLES, type Principal } from '../../kernel/principal.ts';
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

const EVERYTHING: Reach = { ownOnly: false };
const OWN_ROWS: Reach = { ownOnly: true };

/**
 * Decides whether the principal may run an operation now, and how far it reaches.
 * @throws AppError `unauthenticated`, `denied` or `billing`, saying what is missing
 */
export function assertAllowed(principal: Principal, operation: Governed, now: Date): Reach {
  if (operation.scope === 'public' || principal.kind === 'system') return EVERYTHING;
  if (principal.kind === 'anonymous') {
    throw accessErrors.unauthenticated(
      'This needs a credential. Send `Authorization: Bearer <token or key>` or `X-API-Key: <key>`.',
    );
  }
  const reach = reachOf(principal, operation);
  if (operation.effect === 'create' && principal.orgId !== null && !isPaying(principal, now)) {
    throw accessErrors.billing_inactive(
      `The organization's billing is ${principal.posture}: new work is closed, reading and stopping work are not. Ask an owner to renew.`,
    );
  }
  return reach;
}

function reachOf(principal: Principal, { scope, narrows }: Governed): Reach {
  if (scope === 'authenticated') return EVERYTHING;
  if (scope === 'platform') {
    if (principal.isPlatformAdmin) return EVERYTHING;
    throw accessErrors.role_missing('This is for administrators of the installation. Ask one of them.');
  }
  const covered = coverage(principal.scopes, scope);
  if (covered === 'all') return EVERYTHING;
  if (covered === 'own' && narrows) return OWN_ROWS;
  throw missing(principal, scope);
}

function isPaying({ posture, trialEndsAt }: Principal, now: Date): boolean {
  return posture === 'active' || (posture === 'trial' && (trialEndsAt === null || trialEndsAt > now));
}

function missing(principal: Principal, scope: string): Error {
  if (principal.kind === 'api_key') {
    return accessErrors.scope_missing(`This API key lacks the scope ${scope}. Use a key that has it.`);
  }
  const lowest = MEMBER_ROLES.find((role) => coverage(ROLE_SCOPES[role], scope) === 'all') ?? 'owner';
  return accessErrors.role_missing(
    `This needs the role ${lowest} or above (scope ${scope}); yours is ${principal.role ?? 'none'}. Ask an owner.`,
  );
}
