import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { aPrincipal } from '../../../test/calls.ts';
import { AppError } from '../../kernel/errors.ts';
import {
  ANONYMOUS,
  MEMBER_ROLES,
  type MemberRole,
  POSTURES,
  type Posture,
  type Principal,
} from '../../kernel/principal.ts';
import { coverage, KEY_TEMPLATES, ROLE_SCOPES, SCOPES, scopesWithin } from './catalogue.ts';
import { assertAllowed, type Governed } from './policy.ts';

const NOW = new Date('2026-06-01T00:00:00Z');
const HOUR = 3_600_000;
const ALL = Object.keys(SCOPES);
const WHOLE = ALL.filter((scope) => !scope.endsWith(':own'));
const EFFECTS = ['read', 'create', 'wind_down'] as const;

const governed = (scope: string, effect: Governed['effect'] = 'read'): Governed => ({ name: 'a.b.c', scope, effect });

/** What a decision comes to: `allowed`, or the code of the refusal. */
function decide(principal: Principal, operation: Governed, now = NOW): string {
  try {
    assertAllowed(principal, operation, now);
    return 'allowed';
  } catch (error) {
    return error instanceof AppError ? error.code : 'a bug';
  }
}

describe('the ladder of roles', () => {
  test('gives each role all that the ones below it hold', () => {
    for (const [index, role] of MEMBER_ROLES.entries()) {
      const below = MEMBER_ROLES[index - 1];
      for (const scope of below === undefined ? [] : ROLE_SCOPES[below])
        expect([scope, coverage(ROLE_SCOPES[role], scope)]).toEqual([scope, 'all']);
    }
  });

  test('gives the owner everything, the viewer no change but of teams of theirs, and nobody what does not exist', () => {
    expect([...ROLE_SCOPES.owner].sort()).toEqual([...WHOLE].sort());
    // A maintainer of a team, whatever the role, says who else is in it.
    expect([...ROLE_SCOPES.viewer].filter((scope) => !/:read(:own)?$/.test(scope))).toEqual(['teams:write:own']);
    for (const role of MEMBER_ROLES)
      expect([...ROLE_SCOPES[role]].filter((scope: string) => !ALL.includes(scope))).toEqual([]);
  });

  test('keeps the audit log from viewers and developers, and the making of keys from all below admin', () => {
    const holders = (scope: string) => MEMBER_ROLES.filter((role) => coverage(ROLE_SCOPES[role], scope) === 'all');
    expect(holders('audit:read')).toEqual(['operator', 'admin', 'owner']);
    expect(holders('apikeys:write')).toEqual(['admin', 'owner']);
    expect(holders('evaluations:write')).toEqual(['developer', 'operator', 'admin', 'owner']);
  });
});

describe('the catalogue', () => {
  test.each(Object.entries(SCOPES))('has %s in its form, with a sentence', (scope, sentence) => {
    expect(scope).toMatch(/^[a-z]+:(read|write|execute)(:own)?$/);
    expect(sentence).toMatch(/^[A-Z].*\.$/);
  });

  test.each(ALL.filter((scope) => !WHOLE.includes(scope)))('has what %s is a part of', (scope) => {
    expect(WHOLE).toContain(scope.replace(/:own$/, ''));
  });

  test.each(Object.entries(KEY_TEMPLATES))('has the template %s within it', (_name, scopes) => {
    expect(scopes.length).toBeGreaterThan(0);
    expect(scopes.filter((scope: string) => !ALL.includes(scope))).toEqual([]);
    expect(new Set(scopes).size).toBe(scopes.length);
  });

  test('has one template of everything, one that changes nothing, and a default that a developer could hold', () => {
    expect([...KEY_TEMPLATES.full_access].sort()).toEqual([...WHOLE].sort());
    expect(KEY_TEMPLATES.read_only.filter((scope) => !scope.endsWith(':read'))).toEqual([]);
    expect(scopesWithin(KEY_TEMPLATES.submit_observe, ROLE_SCOPES.developer).size).toBe(
      KEY_TEMPLATES.submit_observe.length,
    );
  });
});

describe('scopes within a bound', () => {
  const sets = fc.uniqueArray(fc.oneof(fc.constantFrom(...ALL), fc.string()));

  test('are never more than was asked, and never more than the bound', () => {
    fc.assert(
      fc.property(sets, sets, (asked, bound) => {
        const within = scopesWithin(asked, new Set(bound));
        for (const scope of within) {
          expect(coverage(new Set(asked), scope)).toBe('all');
          expect(coverage(new Set(bound), scope)).toBe('all');
        }
        for (const scope of asked) if (bound.includes(scope)) expect(within).toContain(scope);
      }),
    );
  });

  test('do not widen when they are cut again, by whichever bound comes first', () => {
    fc.assert(
      fc.property(sets, sets, sets, (asked, one, other) => {
        const cut = scopesWithin(scopesWithin(asked, new Set(one)), new Set(other));
        expect(cut).toEqual(scopesWithin(scopesWithin(asked, new Set(other)), new Set(one)));
        expect(scopesWithin(cut, new Set(one))).toEqual(cut);
      }),
    );
  });

  test('of nothing are nothing, and within nothing are nothing', () => {
    expect(scopesWithin([], new Set(ALL)).size).toBe(0);
    expect(scopesWithin(ALL, new Set()).size).toBe(0);
  });
});

describe('a decision', () => {
  const kinds: [string, (scopes: ReadonlySet<string>, posture: Posture) => Principal][] = [
    ['an API key', (scopes, posture) => aPrincipal({ kind: 'api_key', scopes, posture })],
    ['a person', (scopes, posture) => aPrincipal({ kind: 'user', scopes, posture })],
  ];

  // Written out, not computed by the rule under test: whether work that begins, ends or only looks is open.
  const OPEN: Record<Posture, Record<Governed['effect'], boolean>> = {
    active: { read: true, create: true, wind_down: true },
    trial: { read: true, create: true, wind_down: true },
    past_due: { read: true, create: false, wind_down: true },
    decommissioning: { read: true, create: false, wind_down: true },
  };

  describe.each(kinds)('on %s', (_kind, make) => {
    test.each(POSTURES)('in an organization that is %s goes by scope first, then by what billing allows', (posture) => {
      for (const scope of WHOLE) {
        for (const effect of EFFECTS) {
          const operation = governed(scope, effect);
          const expected = OPEN[posture][effect] ? 'allowed' : 'access.billing_inactive';
          expect(decide(make(new Set([scope]), posture), operation)).toBe(expected);
          const lacking = make(new Set(ALL.filter((other) => other !== scope)), posture);
          expect(decide(lacking, operation)).toMatch(/^access\.(scope|role)_missing$/);
        }
      }
    });

    test('allows nothing to an empty list of scopes', () => {
      for (const scope of WHOLE) expect(decide(make(new Set(), 'active'), governed(scope))).not.toBe('allowed');
    });

    test('takes no scope for another that begins or ends like it', () => {
      const near = new Set([
        'evaluations',
        'evaluations:',
        ':read',
        'evaluations:read:own',
        'evaluations:*',
        '*',
        'Evaluations:read',
      ]);
      expect(decide(make(near, 'active'), governed('evaluations:read'))).not.toBe('allowed');
    });

    test('with a scope that ends in :own reaches to rows of its own, where the operation can keep to them', () => {
      const principal = make(new Set(['evaluations:write:own']), 'active');
      const operation = governed('evaluations:write', 'create');
      expect(assertAllowed(principal, { ...operation, narrows: true }, NOW)).toEqual({ ownOnly: true });
      expect(decide(principal, operation)).toMatch(/^access\.(scope|role)_missing$/);
      const whole = make(new Set(['evaluations:write:own', 'evaluations:write']), 'active');
      expect(assertAllowed(whole, { ...operation, narrows: true }, NOW)).toEqual({ ownOnly: false });
    });

    test('governs the installation only by a grant of its own', () => {
      const principal = make(new Set(ALL), 'active');
      expect(decide(principal, governed('platform'))).toBe('access.role_missing');
      expect(decide({ ...principal, isPlatformAdmin: true }, governed('platform'))).toBe('allowed');
      expect(decide({ ...principal, isPlatformAdmin: true, scopes: new Set() }, governed('audit:read'))).not.toBe(
        'allowed',
      );
    });

    test('needs any credential, and no scope, for what asks for one only', () => {
      expect(decide(make(new Set(), 'active'), governed('authenticated'))).toBe('allowed');
      expect(decide(make(new Set(), 'past_due'), governed('authenticated', 'create'))).toBe('access.billing_inactive');
    });
  });

  test('on each role allows what the role holds and nothing else', () => {
    for (const role of MEMBER_ROLES) {
      const person = aPrincipal({ kind: 'user', role, scopes: new Set(ROLE_SCOPES[role]) });
      for (const scope of WHOLE) {
        expect(decide(person, governed(scope))).toBe(
          coverage(ROLE_SCOPES[role], scope) === 'all' ? 'allowed' : 'access.role_missing',
        );
      }
    }
  });

  test('on a trial is as on one that pays, until the moment that it ends', () => {
    const trial = (trialEndsAt: Date | null): Principal =>
      aPrincipal({ posture: 'trial', trialEndsAt, scopes: new Set(['evaluations:write']) });
    const create = governed('evaluations:write', 'create');
    expect(decide(trial(null), create)).toBe('allowed');
    expect(decide(trial(new Date(NOW.getTime() + HOUR)), create)).toBe('allowed');
    expect(decide(trial(new Date(NOW.getTime() + 1)), create)).toBe('allowed');
    expect(decide(trial(NOW), create)).toBe('access.billing_inactive');
    expect(decide(trial(new Date(NOW.getTime() - HOUR)), create)).toBe('access.billing_inactive');
    expect(decide(trial(new Date(NOW.getTime() - HOUR)), governed('evaluations:write', 'wind_down'))).toBe('allowed');
  });

  test('on nobody allows what is public, and asks for a credential for all else', () => {
    for (const effect of EFFECTS) expect(decide(ANONYMOUS, governed('public', effect))).toBe('allowed');
    for (const scope of [...WHOLE, 'authenticated']) {
      expect(decide(ANONYMOUS, governed(scope))).toBe('access.unauthenticated');
    }
  });

  test('on a job of ours is always yes', () => {
    const job = aPrincipal({ kind: 'system', scopes: new Set(), role: null, posture: 'past_due' });
    for (const scope of WHOLE) expect(decide(job, governed(scope, 'create'))).toBe('allowed');
  });
});

describe('a refusal', () => {
  const refusalOf = (principal: Principal, operation: Governed): AppError => {
    try {
      assertAllowed(principal, operation, NOW);
    } catch (error) {
      return error as AppError;
    }
    throw new Error('It was allowed.');
  };

  test.each([
    ['viewer', 'evaluations:write', 'developer'],
    ['developer', 'audit:read', 'operator'],
    ['operator', 'apikeys:write', 'admin'],
  ] as [MemberRole, string, MemberRole][])('tells a %s who lacks %s that it takes %s', (role, scope, needed) => {
    const refusal = refusalOf(aPrincipal({ kind: 'user', role, scopes: new Set(ROLE_SCOPES[role]) }), governed(scope));
    expect(refusal).toMatchObject({ kind: 'denied', code: 'access.role_missing' });
    expect(refusal.message).toBe(
      `This needs the role ${needed} or above (scope ${scope}); yours is ${role}. Ask an owner.`,
    );
  });

  test('tells a key which scope it lacks, and not what else there is', () => {
    const refusal = refusalOf(aPrincipal({ scopes: new Set() }), governed('audit:read'));
    expect(refusal.message).toBe('This API key lacks the scope audit:read. Use a key that has it.');
  });

  test('for want of payment names the posture and who can change it', () => {
    const refusal = refusalOf(aPrincipal({ posture: 'past_due' }), governed('evaluations:write', 'create'));
    expect(refusal).toMatchObject({ kind: 'billing' });
    expect(refusal.message).toMatch(/past_due.*Ask an owner/);
  });
});
