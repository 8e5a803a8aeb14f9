import { describe, expect, test } from 'vitest';
import { MEMBER_ROLES, type MemberRole } from '../../kernel/principal.ts';
import { assertHolds, assertMayGrant, assertMayManage, assertMayReshape, type Standing } from './policy.ts';

const standing = (role: MemberRole, holds: readonly string[] = [], userId: string | null = 'me'): Standing => ({
  userId,
  role,
  holds: (scope) => holds.includes(scope),
});
const codeOf = (check: () => void): string => {
  try {
    check();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'allowed';
};

describe('giving a role', () => {
  test.each(MEMBER_ROLES)('up to their own is what a %s may do', (role) => {
    const allowed = MEMBER_ROLES.filter(
      (given) => codeOf(() => assertMayGrant(standing(role), given, [])) === 'allowed',
    );
    expect(allowed).toEqual(MEMBER_ROLES.slice(0, MEMBER_ROLES.indexOf(role) + 1));
  });

  test('needs every scope that it gives, and says which are missing', () => {
    const by = standing('owner', ['a:read']);
    expect(codeOf(() => assertHolds(by, ['a:read']))).toBe('allowed');
    expect(() => assertHolds(by, ['b:write', 'a:read', 'a:write'])).toThrow('a:write, b:write');
  });
});

describe('changing a member', () => {
  test.each(MEMBER_ROLES)('is for those who stand above, and a %s stands below whom they should', (role) => {
    const mine = MEMBER_ROLES.indexOf(role);
    for (const [rank, theirs] of MEMBER_ROLES.entries()) {
      const outcome = codeOf(() => assertMayManage(standing(role), { userId: 'other', role: theirs }));
      expect([theirs, outcome === 'allowed']).toEqual([theirs, role === 'owner' || rank < mine]);
    }
  });

  test('is nobody’s to do to themselves, an owner neither', () => {
    for (const role of MEMBER_ROLES) {
      expect(codeOf(() => assertMayManage(standing(role), { userId: 'me', role }))).toBe('member.own_role');
    }
  });

  test('by a key whose maker has left follows the role that it was frozen with', () => {
    const key = standing('admin', [], null);
    expect(codeOf(() => assertMayManage(key, { userId: 'other', role: 'operator' }))).toBe('allowed');
    expect(codeOf(() => assertMayManage(key, { userId: 'other', role: 'admin' }))).toBe('member.above_you');
  });
});

describe('a custom role', () => {
  test('is not changed by who holds it, nor under somebody who stands as high', () => {
    const by = standing('admin');
    expect(codeOf(() => assertMayReshape(by, []))).toBe('allowed');
    expect(codeOf(() => assertMayReshape(by, [{ userId: 'other', role: 'developer' }]))).toBe('allowed');
    expect(codeOf(() => assertMayReshape(by, [{ userId: 'me', role: 'admin' }]))).toBe('custom_role.own');
    expect(codeOf(() => assertMayReshape(by, [{ userId: 'other', role: 'admin' }]))).toBe('member.above_you');
  });
});
