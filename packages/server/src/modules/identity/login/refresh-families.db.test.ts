import fc from 'fast-check';
import { expect, test } from 'vitest';
import { signingIn } from '../../../../test/accounts.ts';
import { aCall } from '../../../../test/calls.ts';
import { testDatabase } from '../../../../test/database.ts';
import { governed } from '../../../../test/governed.ts';
import { aPerson } from '../../../../test/people.ts';
import { ANONYMOUS } from '../../../kernel/principal.ts';
import type { TokenPair } from './logins.ts';
import { loginOperations } from './operations.ts';

const db = testDatabase();
const operator = governed(db);

/** What holders of a family's tokens do: `use` any token that was ever given out, or sign out with it. */
type Act = { kind: 'use' | 'sign out'; which: number };
const act: fc.Arbitrary<Act> = fc.record({
  kind: fc.constantFrom('use', 'use', 'use', 'use', 'sign out'),
  which: fc.nat(1000),
});

/** Tokens of a login that would still be traded. */
async function livingTokens(loginId: string): Promise<number> {
  const { rows } = await db.owner.query(
    `select count(*)::integer as count from refresh_tokens t join logins l on l.id = t.login_id
     where l.id = $1 and l.revoked_at is null and t.used_at is null and t.expires_at > now() and l.expires_at > now()`,
    [loginId],
  );
  return rows[0].count;
}

test('of one family never two tokens live, and none after one was used twice, in whatever order and however many at once', async () => {
  const person = await aPerson(db);
  const { logins, signIn, services, whoIs, authenticator } = await signingIn(db);
  const of = loginOperations({ logins, signIn, grantsChanged: services.grantsChanged, auditAs: () => {} });
  const anonymous = () => aCall({ principal: ANONYMOUS });

  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(act, { minLength: 1, maxLength: 4 }), { maxLength: 6 }), async (rounds) => {
      const signed = { userId: person.userId, method: 'password', client: 'a test' } as const;
      const first = await services.transaction((tx) => logins.openTokens(tx, signed, { call: anonymous() }));
      const loginId = (await whoIs(first)).loginId ?? '';
      const given: TokenPair[] = [first];
      const uses = new Map<number, number>();
      let isOver = false;
      for (const round of rounds) {
        // All of a round at once: transactions, not turns, decide the order.
        const known = given.length;
        const ends = await Promise.all(
          round.map(async ({ kind, which }) => {
            const index = which % known;
            const refreshToken = given[index]?.refreshToken ?? '';
            if (kind === 'sign out') {
              await operator.run(of.logout, anonymous(), { refreshToken });
              return { index, pair: null, isSignOut: true };
            }
            const pair = await operator.run(of.refresh, anonymous(), { refreshToken });
            return { index, pair, isSignOut: false };
          }),
        );
        const wasOver = isOver;
        for (const { index, pair, isSignOut } of ends) {
          if (isSignOut) isOver = true;
          else {
            uses.set(index, (uses.get(index) ?? 0) + 1);
            if ((uses.get(index) ?? 0) > 1) isOver = true;
          }
          if (wasOver) expect(pair).toBeNull();
          if (pair !== null) given.push(pair);
        }
        const living = await livingTokens(loginId);
        expect(living).toBeLessThanOrEqual(1);
        if (isOver) {
          expect(living).toBe(0);
          authenticator.forget();
          for (const pair of given) await expect(whoIs(pair)).rejects.toMatchObject({ kind: 'unauthenticated' });
        }
      }
    }),
    { numRuns: 60, seed: 20_250_629 },
  );
});
