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

/** A login, all tokens of it that were ever given out, and whether it must be over. */
class Family {
  readonly given: TokenPair[];
  readonly #uses = new Map<number, number>();
  isOver = false;

  constructor(first: TokenPair) {
    this.given = [first];
  }

  /** Does everything of a round at once: transactions, not turns, decide the order. Gives the pairs that came of it. */
  async play(round: readonly Act[], does: (act: Act['kind'], token: string) => Promise<TokenPair | null>) {
    const known = this.given.length;
    const pairs = await Promise.all(
      round.map(({ kind, which }) => does(kind, this.given[which % known]?.refreshToken ?? '')),
    );
    for (const { kind, which } of round) this.#count(kind, which % known);
    const fresh = pairs.filter((pair) => pair !== null);
    this.given.push(...fresh);
    return fresh;
  }

  #count(kind: Act['kind'], index: number): void {
    const uses = (this.#uses.get(index) ?? 0) + (kind === 'use' ? 1 : 0);
    this.#uses.set(index, uses);
    if (kind === 'sign out' || uses > 1) this.isOver = true;
  }
}

test('of one family never two tokens live, and none after one was used twice, in whatever order and however many at once', async () => {
  const person = await aPerson(db);
  const { logins, signIn, services, whoIs, authenticator } = await signingIn(db);
  const of = loginOperations({ logins, signIn, grantsChanged: services.grantsChanged, auditAs: () => {} });
  const anonymous = () => aCall({ principal: ANONYMOUS });
  const does = async (kind: Act['kind'], refreshToken: string): Promise<TokenPair | null> => {
    if (kind === 'use') return operator.run(of.refresh, anonymous(), { refreshToken });
    await operator.run(of.logout, anonymous(), { refreshToken });
    return null;
  };
  const expectOver = async (family: Family): Promise<void> => {
    authenticator.forget();
    for (const pair of family.given) await expect(whoIs(pair)).rejects.toMatchObject({ kind: 'unauthenticated' });
  };

  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(act, { minLength: 1, maxLength: 4 }), { maxLength: 6 }), async (rounds) => {
      const signed = { userId: person.userId, method: 'password', client: 'a test' } as const;
      const first = await services.transaction((tx) => logins.openTokens(tx, signed, { call: anonymous() }));
      const loginId = (await whoIs(first)).loginId ?? '';
      const family = new Family(first);
      for (const round of rounds) {
        const wasOver = family.isOver;
        const fresh = await family.play(round, does);
        if (wasOver) expect(fresh).toEqual([]);
        expect(await livingTokens(loginId)).toBeLessThanOrEqual(family.isOver ? 0 : 1);
        if (family.isOver) await expectOver(family);
      }
    }),
    { numRuns: 60, seed: 20_250_629 },
  );
});
