import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { aPrincipal } from '../../../test/calls.ts';
import { newId, type OrganizationId } from '../../kernel/ids.ts';
import { MEMBER_ROLES, type Principal } from '../../kernel/principal.ts';
import { type AnyOperation, operation } from '../../platform/operation.ts';
import { KEY_TEMPLATES, ROLE_SCOPES, SCOPES } from './catalogue.ts';
import { answerChecks, type Check, type CheckResult } from './checks.ts';
import { assertAllowed, decide } from './policy.ts';
import type { Owner, ResourceTypes } from './resources.ts';

const NOW = new Date('2026-06-01T00:00:00Z');
const orgId = newId() as OrganizationId;

const declare = (more: Partial<AnyOperation> & Pick<AnyOperation, 'name'>): AnyOperation =>
  operation({
    summary: 'A test.',
    scope: 'evaluations:read',
    effect: 'read',
    rate: 'control',
    audit: null,
    run: async () => null,
    ...more,
  });
const OPERATIONS = new Map(
  [
    declare({ name: 'evaluations.evaluation.submit', scope: 'evaluations:write', effect: 'create', narrows: true }),
    declare({ name: 'evaluations.evaluation.get', narrows: true }),
    declare({ name: 'evaluations.evaluation.audit' }),
    declare({ name: 'identity.principal.get', scope: 'authenticated' }),
    declare({ name: 'tenancy.organization.restore', scope: 'platform' }),
  ].map((each) => [each.name, each]),
);

/** Rows of the organization, with who made them; questions to them are counted. */
function world(rows: Record<string, Owner> = {}, others: readonly Principal[] = []) {
  const asked = { rows: 0, principals: 0 };
  const find = async (org: string, ids: readonly string[]) => {
    asked.rows += 1;
    return new Map(org === orgId ? ids.flatMap((id) => (id in rows ? [[id, rows[id] ?? null] as const] : [])) : []);
  };
  const types: ResourceTypes = {
    organization: {
      scopes: 'organizations',
      find: async (org, ids) => new Map(ids.filter((id) => id === org).map((id) => [id, null])),
    },
    evaluation: { scopes: 'evaluations', find },
    api_key: { scopes: 'apikeys', find },
    audit_log: { scopes: 'audit', find: null },
  };
  const services = {
    types,
    operations: () => OPERATIONS,
    async findPrincipal(org: string, { id }: { id: string }) {
      asked.principals += 1;
      return others.find((other) => other.id === id && other.orgId === org) ?? null;
    },
  };
  const ask = (by: Principal, checks: readonly Partial<Check>[]) =>
    answerChecks(
      services,
      by,
      checks.map((check) => ({
        principal: null,
        action: 'evaluations:read',
        resource: { type: 'evaluation', id: null },
        ...check,
      })),
      NOW,
    );
  return { ask, asked };
}

const shown = (results: readonly CheckResult[]): string[] =>
  results.map((result) =>
    'error' in result ? result.error.code : `${result.verdict.allowed} ${result.verdict.reason}`,
  );

const key = (scopes: readonly string[], more: Partial<Principal> = {}): Principal =>
  aPrincipal({ orgId, scopes: new Set(scopes), source: { kind: 'key_scopes', name: null }, ...more });
const evaluation = (id: string | null): Check['resource'] => ({ type: 'evaluation', id });

describe('a check', () => {
  test('of a scope, of an operation and of a verb come to the same', async () => {
    const { ask } = world();
    const actions = ['evaluations:read', 'evaluations.evaluation.get', 'read', 'list'];
    const asked = (by: Principal) =>
      ask(
        by,
        actions.map((action) => ({ action })),
      );
    expect(shown(await asked(key(['evaluations:read'])))).toEqual(actions.map(() => 'true scope'));
    expect(shown(await asked(key([])))).toEqual(actions.map(() => 'false scope_missing'));
  });

  test('says what it was decided by', async () => {
    const { ask } = world();
    const member = aPrincipal({
      kind: 'user',
      orgId,
      scopes: ROLE_SCOPES.developer,
      source: { kind: 'role', name: 'developer' },
    });
    const [result] = await ask(member, [{ action: 'evaluations.evaluation.submit' }]);
    expect(result).toEqual({
      verdict: {
        allowed: true,
        reason: 'scope',
        matched: { scope: 'evaluations:write', via: 'role', name: 'developer' },
      },
    });
  });

  test('of a row that the organization does not have is refused, whatever the caller may do', async () => {
    const { ask } = world({ here: null });
    const owner = key(KEY_TEMPLATES.full_access);
    expect(shown(await ask(owner, [{ resource: evaluation('here') }, { resource: evaluation('there') }]))).toEqual([
      'true scope',
      'false not_found',
    ]);
    const foreign = key(KEY_TEMPLATES.full_access, { orgId: newId() as OrganizationId });
    expect(shown(await ask(foreign, [{ resource: evaluation('here') }]))).toEqual(['false not_found']);
    const nowhere = key(KEY_TEMPLATES.full_access, { orgId: null });
    expect(shown(await ask(nowhere, [{ resource: evaluation('here') }]))).toEqual(['false not_found']);
  });

  test('of a scope that is held for own rows reaches those and no other', async () => {
    const by = key(['evaluations:read:own', 'apikeys:read:own']);
    const { ask } = world({
      mine: { kind: 'api_key', id: by.id },
      theirs: { kind: 'api_key', id: newId() },
      nobodys: null,
      made: { kind: 'maker', id: String(by.userId) },
    });
    const of = (id: string | null, action = 'evaluations:read') => ({ action, resource: evaluation(id) });
    const checks = [of('mine'), of('theirs'), of('nobodys'), of(null), of(null, 'evaluations:read:own')];
    expect(shown(await ask(by, checks))).toEqual([
      'true own_scope',
      'false not_owner',
      'false not_owner',
      'false own_only',
      'true scope',
    ]);
    const byOwnScope = [of('mine', 'evaluations:read:own'), of('theirs', 'evaluations:read:own')];
    expect(shown(await ask(by, byOwnScope))).toEqual(['true own_scope', 'false not_owner']);
    const keys = { action: 'read', resource: { type: 'api_key', id: 'made' } };
    expect(shown(await ask(by, [keys]))).toEqual(['true own_scope']);
  });

  test('of an operation that cannot keep to own rows is refused where only those are held', async () => {
    const { ask } = world();
    const by = key(['evaluations:read:own']);
    const actions = ['evaluations.evaluation.get', 'evaluations.evaluation.audit'].map((action) => ({ action }));
    expect(shown(await ask(by, actions))).toEqual(['true own_scope', 'false scope_missing']);
  });

  test('knows of billing, of the installation, and of what needs no scope', async () => {
    const { ask } = world();
    const behind = key(['evaluations:write'], { posture: 'past_due' });
    const actions = ['evaluations.evaluation.submit', 'identity.principal.get', 'tenancy.organization.restore'];
    const checks = actions.map((action) => ({ action }));
    expect(shown(await ask(behind, checks))).toEqual([
      'false billing_inactive',
      'true authenticated',
      'false platform_grant_missing',
    ]);
    expect(shown(await ask({ ...behind, isPlatformAdmin: true }, checks))[2]).toBe('true platform_grant');
  });

  test('of fabric’s actions on an organization is about members and teams', async () => {
    const { ask } = world();
    const on = (action: string, id: string | null = orgId) => ({ action, resource: { type: 'organization', id } });
    const asked = [on('read'), on('invite'), on('team.create'), on('create'), on('read', newId())];
    expect(shown(await ask(key(['organizations:read', 'members:write']), asked))).toEqual([
      'true scope',
      'true scope',
      'false scope_missing',
      'false scope_missing',
      'false not_found',
    ]);
  });

  test.each([
    ['an action that does not exist', { action: 'evaluations:fly' }],
    ['a verb that does not exist', { action: 'fly' }],
    ['a name from the prototype', { action: 'constructor' }],
    ['a type that does not exist', { resource: { type: 'spaceship', id: null } }],
    ['a type from the prototype', { resource: { type: 'toString', id: null } }],
    ['an action that is about something else', { action: 'apikeys:read' }],
    ['a single one of what has no ids', { action: 'audit:read', resource: { type: 'audit_log', id: '1' } }],
  ])('of %s says what is wrong', async (_name, check) => {
    expect(shown(await world().ask(key(['evaluations:read']), [check]))).toEqual(['access.question_invalid']);
  });
});

describe('a question about somebody else', () => {
  const other = aPrincipal({ kind: 'user', orgId, scopes: new Set(['evaluations:write']) });
  const about = { principal: { kind: 'user' as const, id: other.id }, action: 'evaluations:write' };

  test('needs members:read, and about oneself does not', async () => {
    const { ask } = world({}, [other]);
    expect(shown(await ask(key([]), [about]))).toEqual(['access.scope_missing']);
    expect(shown(await ask(key(['members:read']), [about]))).toEqual(['true scope']);
    const self = key([]);
    expect(shown(await ask(self, [{ principal: { kind: 'api_key', id: self.id } }]))).toEqual(['false scope_missing']);
  });

  test('who is not there says so, as for somebody of another organization', async () => {
    const foreign = aPrincipal({ kind: 'user', orgId: newId() as OrganizationId });
    const { ask } = world({}, [foreign]);
    const asked = [newId(), foreign.id].map((id) => ({ principal: { kind: 'user' as const, id } }));
    expect(shown(await ask(key(['members:read']), asked))).toEqual([
      'false unknown_principal',
      'false unknown_principal',
    ]);
  });

  test('considers whose the row is, not who asks', async () => {
    const narrow = aPrincipal({ kind: 'user', orgId, scopes: new Set(['evaluations:read:own']) });
    const by = key(['members:read']);
    const rows = { theirs: { kind: 'user', id: narrow.id }, mine: { kind: 'api_key', id: by.id } };
    const { ask } = world(rows, [narrow]);
    const of = (id: string) => ({ principal: { kind: 'user' as const, id: narrow.id }, resource: evaluation(id) });
    expect(shown(await ask(by, [of('theirs'), of('mine')]))).toEqual(['true own_scope', 'false not_owner']);
  });
});

test('many checks are answered in order, each on its own, with one look-up for each kind of thing', async () => {
  const { ask, asked } = world({ here: null });
  const others = Array.from({ length: 3 }, () => newId());
  const checks = Array.from({ length: 1_000 }, (_, index) => ({
    ...(index % 10 === 0 ? { action: 'nonsense' } : {}),
    ...(index % 7 === 0 ? { principal: { kind: 'user' as const, id: others[index % 3] ?? '' } } : {}),
    resource: evaluation(index % 2 === 0 ? 'here' : 'there'),
  }));
  const results = shown(await ask(key(['evaluations:read', 'members:read']), checks));
  expect(asked).toEqual({ rows: 1, principals: 3 });
  for (const [index, result] of results.entries()) {
    const expected = index % 7 === 0 ? 'false unknown_principal' : index % 2 === 0 ? 'true scope' : 'false not_found';
    expect(result).toBe(index % 10 === 0 ? 'access.question_invalid' : expected);
  }
});

test('a decision and the Operator’s guard never disagree', () => {
  const scopes = fc.subarray(Object.keys(SCOPES));
  const asked = fc.constantFrom(...Object.keys(SCOPES), 'public', 'authenticated', 'platform');
  fc.assert(
    fc.property(
      fc.record({
        scopes,
        role: fc.constantFrom(...MEMBER_ROLES),
        kind: fc.constantFrom('user', 'api_key', 'anonymous', 'system'),
        posture: fc.constantFrom('active', 'trial', 'past_due', 'decommissioning'),
        isPlatformAdmin: fc.boolean(),
      }),
      asked,
      fc.constantFrom('read', 'create', 'wind_down'),
      fc.boolean(),
      (given, scope, effect, narrows) => {
        const principal = aPrincipal({ ...given, scopes: new Set(given.scopes) } as Partial<Principal>);
        const governed = { name: 'a.b.c', scope, effect, narrows } as const;
        const decision = decide(principal, governed, NOW);
        const guard = () => assertAllowed(principal, governed, NOW);
        if (decision.allowed) expect(guard().ownOnly).toBe(decision.ownOnly);
        else
          expect(guard).toThrow(
            expect.objectContaining({ kind: expect.stringMatching(/denied|unauthenticated|billing/) }),
          );
      },
    ),
  );
});
