import { expect, test } from 'vitest';
import { ANONYMOUS, MEMBER_ROLES } from './principal.ts';

test('a caller without a credential belongs nowhere and holds nothing', () => {
  expect(ANONYMOUS).toMatchObject({ kind: 'anonymous', orgId: null, role: null, userId: null });
  expect([...ANONYMOUS.scopes]).toEqual([]);
});

test('the ladder of roles goes from viewer to owner', () => {
  expect(MEMBER_ROLES).toEqual(['viewer', 'developer', 'operator', 'admin', 'owner']);
});
