import { describe, expect, test } from 'vitest';
import { ANONYMOUS, POSTURES, type Posture, type Principal } from '../packages/server/src/kernel/principal.ts';
import { decide, ROLE_SCOPES } from '../packages/server/src/modules/access/index.ts';
import { declaredOperations } from '../scripts/render-permissions.ts';

const NOW = new Date('2026-06-01T00:00:00Z');
const DAY = 86_400_000;

const STATES: readonly [name: string, posture: Posture, trialEndsAt: Date | null, pays: boolean][] = [
  ...POSTURES.filter((posture) => posture !== 'trial').map(
    (posture) => [posture, posture, null, posture === 'active'] as const,
  ),
  ['trial without an end', 'trial', null, true],
  ['trial that goes on', 'trial', new Date(NOW.getTime() + DAY), true],
  ['trial that ends now', 'trial', NOW, false],
  ['trial that is over', 'trial', new Date(NOW.getTime() - DAY), false],
].map(([name, posture, trialEndsAt, pays]) => [name, posture, trialEndsAt, pays] as never);

const owner = (posture: Posture, trialEndsAt: Date | null): Principal => ({
  ...ANONYMOUS,
  kind: 'user',
  orgId: 'an organization' as never,
  role: 'owner',
  scopes: ROLE_SCOPES.owner,
  isPlatformAdmin: true,
  posture,
  trialEndsAt,
});

describe.each(STATES)('in the state %s', (_name, posture, trialEndsAt, pays) => {
  test.each(declaredOperations().map((operation) => [operation.name, operation] as const))(
    '%s is open unless it starts new work',
    (_operation, operation) => {
      const decision = decide(owner(posture, trialEndsAt), operation, NOW);
      const isClosed = operation.effect === 'create' && operation.scope !== 'public' && !pays;
      expect([decision.allowed, decision.reason === 'billing_inactive']).toEqual([!isClosed, isClosed]);
    },
  );
});
