import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { signingIn } from '../../../../test/accounts.ts';
import { aCall } from '../../../../test/calls.ts';
import { testDatabase } from '../../../../test/database.ts';
import { governed } from '../../../../test/governed.ts';
import { aPerson, type Person } from '../../../../test/people.ts';
import { ANONYMOUS } from '../../../kernel/principal.ts';
import { Sensitive } from '../../../kernel/sensitive.ts';
import { deleteExpiredLogins } from './jobs.ts';
import type { TokenPair } from './logins.ts';
import { loginOperations } from './operations.ts';

const db = testDatabase();
const operator = governed(db);
const masterKey = new Sensitive(randomBytes(32));
const failed = { kind: 'unauthenticated', code: 'login.failed' };

/** Sign-in as the server composes it. */
async function signIn() {
  const { logins, signIn, services, whoIs } = await signingIn(db, masterKey);
  const operations = loginOperations({
    logins,
    signIn,
    grantsChanged: services.grantsChanged,
    auditAs: (context, orgId, userId, action) => services.audit(context, { orgId, userId }, { action }),
  });
  // Each from an address of its own: guesses are another file's business.
  const anonymous = () => aCall({ principal: ANONYMOUS, address: randomBytes(4).join('.') });
  return {
    login: (email: string, password: string) =>
      operator.run(operations.login, anonymous(), { email, password, client: 'a test' }),
    refresh: (refreshToken: string) => operator.run(operations.refresh, anonymous(), { refreshToken }),
    logout: (refreshToken: string) => operator.run(operations.logout, anonymous(), { refreshToken }),
    whoIs,
  };
}

const leavesOf = async ({ orgId }: Person): Promise<string[]> => {
  const { rows } = await db.owner.query<{ action: string }>(
    'select action from audit_leaves where org_id = $1 order by id',
    [orgId],
  );
  return rows.map(({ action }) => action);
};

describe('a sign-in', () => {
  test('gives a pair of tokens that stand for the person, and leaves a leaf', async () => {
    const person = await aPerson(db, { role: 'operator' });
    const { login, whoIs } = await signIn();
    const pair = await login(person.email, person.password);
    expect(pair).toMatchObject({ userId: person.userId, orgId: person.orgId, expiresInSeconds: 900 });
    expect(pair.refreshToken).toMatch(/^rt_[\w-]{43}$/);
    expect(await whoIs(pair)).toMatchObject({ kind: 'user', id: person.userId, role: 'operator' });
    expect(await leavesOf(person)).toEqual(['login.created']);
  });

  test('takes the e-mail address in any case', async () => {
    const person = await aPerson(db);
    const { login } = await signIn();
    expect((await login(person.email.toUpperCase(), person.password)).userId).toBe(person.userId);
  });

  test('keeps no token in a form that can be used', async () => {
    const person = await aPerson(db);
    const { login } = await signIn();
    const { refreshToken } = await login(person.email, person.password);
    const { rows } = await db.owner.query(
      'select t.* from refresh_tokens t join logins l on l.id = t.login_id where l.user_id = $1',
      [person.userId],
    );
    expect(rows).toHaveLength(1);
    expect(rows[0].hash).toHaveLength(32);
    expect(rows[0].hash.includes(Buffer.from(refreshToken.slice(3)))).toBe(false);
  });

  test('answers a wrong password, an unknown address, a disabled person and one without a password alike', async () => {
    const { login } = await signIn();
    const [known, disabled, invited] = [await aPerson(db), await aPerson(db), await aPerson(db)];
    await db.owner.query('update users set disabled_at = now() where id = $1', [disabled.userId]);
    await db.owner.query('update users set password_hash = null where id = $1', [invited.userId]);
    const attempts: [string, string][] = [
      [known.email, 'wrong'],
      [known.email, known.password.toUpperCase()],
      [known.email, ` ${known.password}`],
      ['nobody@example.test', known.password],
      [disabled.email, disabled.password],
      [invited.email, invited.password],
      ["' or 1=1 --", 'x'],
    ];
    const answers: string[] = [];
    for (const [email, password] of attempts) {
      const refusal = await login(email, password).catch((error) => error);
      expect(refusal).toMatchObject(failed);
      answers.push(refusal.message);
    }
    expect(new Set(answers)).toEqual(new Set(['E-mail or password is wrong.']));
    for (const person of [known, disabled, invited]) expect(await leavesOf(person)).toEqual([]);
  });

  test('takes as much work for an unknown address as for a wrong password', async () => {
    const person = await aPerson(db);
    const { login } = await signIn();
    const costOf = async (email: string): Promise<number> => {
      const before = process.cpuUsage();
      await login(email, 'wrong').catch(() => {});
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    const cheapest = async (email: string): Promise<number> => {
      const costs: number[] = [];
      for (let round = 0; round < 7; round++) costs.push(await costOf(email));
      return Math.min(...costs);
    };
    // The processor's time, not the clock's: other tests run beside this one.
    const ratio = (await cheapest('nobody@example.test')) / (await cheapest(person.email));
    expect(ratio).toBeGreaterThan(0.6);
    expect(ratio).toBeLessThan(1.7);
  });

  test('of a person without an organization stands for the person alone', async () => {
    const person = await aPerson(db);
    await db.owner.query('delete from memberships where user_id = $1', [person.userId]);
    const { login, whoIs } = await signIn();
    const pair = await login(person.email, person.password);
    expect(pair.orgId).toBeNull();
    expect(await whoIs(pair)).toMatchObject({ id: person.userId, orgId: null, role: null, scopes: new Set() });
  });
});

describe('a refresh token', () => {
  test('is traded for a new pair, once', async () => {
    const person = await aPerson(db);
    const { login, refresh, whoIs } = await signIn();
    const first = await login(person.email, person.password);
    const second = await refresh(first.refreshToken);
    expect(second?.refreshToken).not.toBe(first.refreshToken);
    expect(await whoIs(second as TokenPair)).toMatchObject({ id: person.userId });
    const third = await refresh(String(second?.refreshToken));
    expect(third).not.toBeNull();
  });

  test('used a second time ends its login: no token of it works any more', async () => {
    const person = await aPerson(db);
    const { login, refresh, whoIs } = await signIn();
    const first = await login(person.email, person.password);
    const second = (await refresh(first.refreshToken)) as TokenPair;
    await whoIs(second);
    expect(await refresh(first.refreshToken)).toBeNull();
    expect(await refresh(second.refreshToken)).toBeNull();
    await expect(whoIs(second)).rejects.toMatchObject({ kind: 'unauthenticated' });
    await expect(whoIs(first)).rejects.toMatchObject({ kind: 'unauthenticated' });
  });

  test('used a second time leaves other logins of the person alone', async () => {
    const person = await aPerson(db);
    const { login, refresh, whoIs } = await signIn();
    const [stolen, other] = [await login(person.email, person.password), await login(person.email, person.password)];
    await refresh(stolen.refreshToken);
    expect(await refresh(stolen.refreshToken)).toBeNull();
    expect(await whoIs(other)).toMatchObject({ id: person.userId });
    expect(await refresh(other.refreshToken)).not.toBeNull();
  });

  test('used by twenty at once gives exactly one pair, and ends the login that somebody shares', async () => {
    const person = await aPerson(db);
    const { login, refresh } = await signIn();
    const { refreshToken } = await login(person.email, person.password);
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(refreshToken)));
    const pairs = answers.filter((answer) => answer !== null);
    expect(pairs).toHaveLength(1);
    expect(await refresh(String(pairs[0]?.refreshToken))).toBeNull();
  });

  test.each([
    ['that is unknown', async () => `rt_${randomBytes(32).toString('base64url')}`],
    ['that is no token', async () => 'x'],
    [
      'that has expired',
      async (token: string) => token,
      `refresh_tokens set expires_at = now() - interval '1 second'
       where login_id in (select id from logins where user_id = $1)`,
    ],
    ['whose login was ended', async (token: string) => token, 'logins set revoked_at = now() where user_id = $1'],
  ] as [string, (token: string) => Promise<string>, string?][])('%s gives nothing', async (_name, of, set) => {
    const person = await aPerson(db);
    const { login, refresh } = await signIn();
    const { refreshToken } = await login(person.email, person.password);
    if (set) await db.owner.query(`update ${set}`, [person.userId]);
    expect(await refresh(await of(refreshToken))).toBeNull();
  });

  test('of a person who was disabled gives nothing, and is not spent by it', async () => {
    const person = await aPerson(db);
    const { login, refresh } = await signIn();
    const { refreshToken } = await login(person.email, person.password);
    await db.owner.query('update users set disabled_at = now() where id = $1', [person.userId]);
    expect(await refresh(refreshToken)).toBeNull();
    expect(await refresh(refreshToken)).toBeNull();
    await db.owner.query('update users set disabled_at = null where id = $1', [person.userId]);
    expect(await refresh(refreshToken)).not.toBeNull();
  });

  test('is kept a week past its end, so that its reuse is still noticed, and then deleted', async () => {
    const person = await aPerson(db);
    const { login } = await signIn();
    for (const days of [6, 8]) {
      await login(person.email, person.password);
      await db.owner.query(
        'update logins set expires_at = now() - make_interval(days => $1) where user_id = $2 and expires_at > now()',
        [days, person.userId],
      );
    }
    await db.system.statements({ orgId: null }, deleteExpiredLogins);
    const { rows } = await db.owner.query(
      'select 1 from refresh_tokens t join logins l on l.id = t.login_id where l.user_id = $1',
      [person.userId],
    );
    expect(rows).toHaveLength(1);
  });
});

describe('a sign-out', () => {
  test('ends the login at once, and leaves a leaf', async () => {
    const person = await aPerson(db);
    const { login, refresh, logout, whoIs } = await signIn();
    const pair = await login(person.email, person.password);
    await whoIs(pair);
    await logout(pair.refreshToken);
    await expect(whoIs(pair)).rejects.toMatchObject({ kind: 'unauthenticated' });
    expect(await refresh(pair.refreshToken)).toBeNull();
    expect(await leavesOf(person)).toEqual(['login.created', 'login.ended']);
  });

  test('with a token that was traded already ends the login too', async () => {
    const person = await aPerson(db);
    const { login, refresh, logout, whoIs } = await signIn();
    const first = await login(person.email, person.password);
    const second = (await refresh(first.refreshToken)) as TokenPair;
    await logout(first.refreshToken);
    await expect(whoIs(second)).rejects.toMatchObject({ kind: 'unauthenticated' });
  });

  test('with a token that nobody knows says nothing about it', async () => {
    const { logout } = await signIn();
    await expect(logout('rt_unknown')).resolves.toBeUndefined();
  });
});
