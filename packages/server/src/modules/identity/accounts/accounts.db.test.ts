import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { signingIn, tokenIn } from '../../../../test/accounts.ts';
import { aCall, aPrincipal } from '../../../../test/calls.ts';
import { testDatabase } from '../../../../test/database.ts';
import { governed } from '../../../../test/governed.ts';
import { aPerson, type Person } from '../../../../test/people.ts';
import type { Page } from '../../../kernel/page.ts';
import { ANONYMOUS } from '../../../kernel/principal.ts';
import { loginOperations } from '../login/operations.ts';
import { type OwnLogin, ownLoginOperations } from '../login/session-operations.ts';
import { passwordOperations } from '../passwords/operations.ts';
import { accountOperations } from './operations.ts';

const db = testDatabase();
const operator = governed(db);
const NEW_PASSWORD = 'seventeen green hats';

async function parts({ isSignUpOpen = true, hasMail = true } = {}) {
  const signing = await signingIn(db);
  const services = { ...signing.services, mailer: { ...signing.services.mailer, isConfigured: hasMail } };
  const { signIn, logins, whoIs, mails } = signing;
  const auditAs = (): void => {};
  const of = {
    ...passwordOperations(services),
    ...accountOperations({ ...services, isSignUpOpen }),
    ...ownLoginOperations(services),
    ...loginOperations({ logins, signIn, grantsChanged: services.grantsChanged, auditAs }),
  };
  // Each from an address of its own: what one test asks for holds no other back.
  const anonymous = () => aCall({ principal: ANONYMOUS, address: randomBytes(4).join('.') });
  const login = (person: { email: string; password: string }) =>
    operator.run(of.login, anonymous(), { email: person.email, password: person.password, client: 'a test' });
  const as = async (signedIn: { accessToken: string }) => aCall({ principal: await whoIs(signedIn) });
  return { ...signing, of, anonymous, login, as, mails };
}

const mailTo = ({ mails }: Pick<Awaited<ReturnType<typeof parts>>, 'mails'>, email: string) =>
  mails.filter(({ to }) => to === email);

describe('a forgotten password', () => {
  /** Asks for a new password, and gives the token from the mail. */
  async function forget(all: Awaited<ReturnType<typeof parts>>, { email }: Pick<Person, 'email'>): Promise<string> {
    await operator.run(all.of.forgotPassword, all.anonymous(), { email });
    await all.settled();
    const [mail] = mailTo(all, email);
    return mail ? tokenIn(mail) : '';
  }

  test('is replaced with the token from the mail, once, and ends all logins', async () => {
    const all = await parts();
    const person = await aPerson(db);
    const before = await all.login(person);
    const token = await forget(all, person);
    await operator.run(all.of.resetPassword, all.anonymous(), { token, password: NEW_PASSWORD });
    await expect(all.whoIs(before)).rejects.toMatchObject({ kind: 'unauthenticated' });
    await expect(all.login(person)).rejects.toMatchObject({ code: 'login.failed' });
    expect((await all.login({ ...person, password: NEW_PASSWORD })).userId).toBe(person.userId);
    const again = { token, password: 'another nineteen hats' };
    await expect(operator.run(all.of.resetPassword, all.anonymous(), again)).rejects.toMatchObject({
      code: 'password.token_invalid',
    });
    expect(mailTo(all, person.email).map(({ subject }) => subject)).toEqual([
      'Choose a new password for Assay',
      'Your Assay password was changed',
    ]);
  });

  test('is replaced by one of two uses of the token at once', async () => {
    const all = await parts();
    const person = await aPerson(db);
    const token = await forget(all, person);
    const uses = ['the first of two hats', 'the second of two hats'].map((password) =>
      operator.run(all.of.resetPassword, all.anonymous(), { token, password }),
    );
    const ends = await Promise.allSettled(uses);
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('is not spent on a password that is refused', async () => {
    const all = await parts();
    const person = await aPerson(db);
    const token = await forget(all, person);
    await expect(
      operator.run(all.of.resetPassword, all.anonymous(), { token, password: 'Password1234' }),
    ).rejects.toMatchObject({ code: 'password.unacceptable' });
    await operator.run(all.of.resetPassword, all.anonymous(), { token, password: NEW_PASSWORD });
  });

  test('is answered alike for nobody, a service account and a disabled person, who get no mail', async () => {
    const all = await parts();
    const [disabled, service] = [await aPerson(db), await aPerson(db)];
    await db.owner.query('update users set disabled_at = now() where id = $1', [disabled.userId]);
    await db.owner.query(`update users set kind = 'service' where id = $1`, [service.userId]);
    for (const email of ['nobody@example.test', disabled.email, service.email]) {
      expect(await forget(all, { email })).toBe('');
    }
  });

  test('fills nobody’s mailbox', async () => {
    const all = await parts();
    const person = await aPerson(db);
    for (let round = 0; round < 6; round++) await forget(all, person);
    expect(mailTo(all, person.email)).toHaveLength(3);
  });

  test.each([
    ['that is too old', `set expires_at = now() - interval '1 second'`],
    ['that was sent to an address before', `set email = 'before@example.test'`],
  ])('is not replaced with a token %s', async (_name, change) => {
    const all = await parts();
    const person = await aPerson(db);
    const token = await forget(all, person);
    await db.owner.query('reset role');
    await db.owner.query(`update one_time_tokens ${change} where user_id = $1`, [person.userId]);
    await db.owner.query('set role assay_system');
    await expect(
      operator.run(all.of.resetPassword, all.anonymous(), { token, password: NEW_PASSWORD }),
    ).rejects.toMatchObject({ code: 'password.token_invalid' });
  });

  test('can be replaced with a token that an administrator hands over', async () => {
    const all = await parts({ hasMail: false });
    const person = await aPerson(db);
    expect(await forget(all, person)).toBe('');
    const administrator = aCall({ principal: aPrincipal({ orgId: person.orgId, isPlatformAdmin: true }) });
    const { token } = await operator.run(all.of.issuePasswordReset, administrator, { userId: person.userId });
    await operator.run(all.of.resetPassword, all.anonymous(), { token, password: NEW_PASSWORD });
    await expect(
      operator.run(all.of.issuePasswordReset, aCall({ principal: aPrincipal({ role: 'owner' }) }), {
        userId: person.userId,
      }),
    ).rejects.toMatchObject({ kind: 'denied' });
  });
});

describe('a change of password', () => {
  test('ends all other logins and leaves a leaf', async () => {
    const all = await parts();
    const person = await aPerson(db);
    const [mine, other] = [await all.login(person), await all.login(person)];
    const input = { currentPassword: person.password, password: NEW_PASSWORD };
    await operator.run(all.of.changePassword, await all.as(mine), input);
    expect(await all.whoIs(mine)).toMatchObject({ id: person.userId });
    await expect(all.whoIs(other)).rejects.toMatchObject({ kind: 'unauthenticated' });
    const { rows } = await db.owner.query('select action from audit_leaves where org_id = $1', [person.orgId]);
    expect(rows.map(({ action }) => action)).toContain('password.changed');
  });

  test('needs the one before, and is held back after ten wrong guesses at it', async () => {
    const all = await parts();
    const person = await aPerson(db);
    const call = await all.as(await all.login(person));
    const codes = new Set<string>();
    for (let round = 0; round < 12; round++) {
      const input = { currentPassword: 'wrong', password: NEW_PASSWORD };
      codes.add(await operator.run(all.of.changePassword, call, input).then(String, ({ code }) => code));
    }
    expect([...codes]).toEqual(['password.wrong', 'login.throttled']);
  });

  test('is not for a key, nor for a login that was given less', async () => {
    const all = await parts();
    const person = await aPerson(db);
    const input = { currentPassword: person.password, password: NEW_PASSWORD };
    const byKey = aCall({ principal: aPrincipal({ orgId: person.orgId, userId: person.userId }) });
    const signedIn = await all.login(person);
    await db.owner.query(`update logins set scopes = '{evaluations:read}' where user_id = $1`, [person.userId]);
    for (const call of [byKey, await all.as(signedIn)]) {
      await expect(operator.run(all.of.changePassword, call, input)).rejects.toMatchObject({
        code: 'account.person_needed',
      });
    }
  });
});

describe('an e-mail address', () => {
  const ask = async (all: Awaited<ReturnType<typeof parts>>, person: Person, email: string) => {
    const signedIn = await all.login(person);
    const input = { email, password: person.password };
    await operator.run(all.of.requestEmailChange, await all.as(signedIn), input);
    return signedIn;
  };

  test('is another once the new one is confirmed; the old one is told, and all logins end', async () => {
    const all = await parts();
    const person = await aPerson(db);
    const next = `new-${person.email}`;
    const signedIn = await ask(all, person, next.toUpperCase());
    expect(await all.whoIs(signedIn)).toMatchObject({ id: person.userId });
    const [mail] = mailTo(all, next);
    await operator.run(all.of.confirmEmail, all.anonymous(), { token: mail ? tokenIn(mail) : '' });
    await expect(all.whoIs(signedIn)).rejects.toMatchObject({ kind: 'unauthenticated' });
    expect((await all.login({ ...person, email: next })).userId).toBe(person.userId);
    expect(mailTo(all, person.email).map(({ text }) => text.includes(next))).toEqual([true, true]);
  });

  test('that somebody has is not said to be taken, and is not mailed to', async () => {
    const all = await parts();
    const [person, other] = [await aPerson(db), await aPerson(db)];
    await ask(all, person, other.email);
    expect(mailTo(all, other.email)).toEqual([]);
  });

  test('that somebody has taken meanwhile is refused', async () => {
    const all = await parts();
    const [person, other] = [await aPerson(db), await aPerson(db)];
    const next = `late-${person.email}`;
    await ask(all, person, next);
    await db.owner.query('update users set email = $1 where id = $2', [next, other.userId]);
    const [mail] = mailTo(all, next);
    await expect(
      operator.run(all.of.confirmEmail, all.anonymous(), { token: mail ? tokenIn(mail) : '' }),
    ).rejects.toMatchObject({ code: 'user.email_taken' });
  });

  test('does not change any more once the password was', async () => {
    const all = await parts();
    const person = await aPerson(db);
    const next = `stopped-${person.email}`;
    const signedIn = await ask(all, person, next);
    const input = { currentPassword: person.password, password: NEW_PASSWORD };
    await operator.run(all.of.changePassword, await all.as(signedIn), input);
    const [mail] = mailTo(all, next);
    await expect(
      operator.run(all.of.confirmEmail, all.anonymous(), { token: mail ? tokenIn(mail) : '' }),
    ).rejects.toMatchObject({ code: 'account.token_invalid' });
  });
});

describe('open sign-up', () => {
  const someone = () => ({ email: `new-${Math.random()}@example.test`, name: 'New', password: NEW_PASSWORD });

  test('makes an account once the address is confirmed, and not before', async () => {
    const all = await parts();
    const person = someone();
    await operator.run(all.of.signUp, all.anonymous(), person);
    await all.settled();
    await expect(all.login(person)).rejects.toMatchObject({ code: 'login.failed' });
    const [mail] = mailTo(all, person.email);
    const token = mail ? tokenIn(mail) : '';
    const { userId } = await operator.run(all.of.confirmSignUp, all.anonymous(), { token });
    expect(await all.login(person)).toMatchObject({ userId, orgId: null });
    await expect(operator.run(all.of.confirmSignUp, all.anonymous(), { token })).rejects.toMatchObject({
      code: 'account.token_invalid',
    });
  });

  test('answers alike for an address that has an account, whose owner is told', async () => {
    const all = await parts();
    const person = await aPerson(db);
    await operator.run(all.of.signUp, all.anonymous(), { ...someone(), email: person.email });
    await all.settled();
    expect(mailTo(all, person.email).map(({ subject }) => subject)).toEqual(['You have an Assay account already']);
  });

  test('is off unless it was switched on', async () => {
    const all = await parts({ isSignUpOpen: false });
    await expect(operator.run(all.of.signUp, all.anonymous(), someone())).rejects.toMatchObject({
      code: 'account.sign_up_closed',
    });
  });
});

describe('the list of logins', () => {
  test('shows one’s own, and each can be ended, or all of them', async () => {
    const all = await parts();
    const [person, other] = [await aPerson(db), await aPerson(db)];
    const [first, second] = [await all.login(person), await all.login(person)];
    const foreign = await all.login(other);
    const call = await all.as(second);
    const page = await operator.run(all.of.listOwnLogins, call, { limit: 50, cursor: null });
    expect(page.items.map(({ method, client, isCurrent }) => [method, client, isCurrent])).toEqual([
      ['password', 'a test', true],
      ['password', 'a test', false],
    ]);
    const foreignId = (await all.whoIs(foreign)).loginId ?? '';
    await expect(operator.run(all.of.endOwnLogin, call, { id: foreignId })).rejects.toMatchObject({
      code: 'login.not_found',
    });
    await operator.run(all.of.endOwnLogin, call, { id: page.items[1]?.id ?? '' });
    await expect(all.whoIs(first)).rejects.toMatchObject({ kind: 'unauthenticated' });
    expect(await operator.run(all.of.endAllOwnLogins, call, undefined)).toEqual({ ended: 1 });
    await expect(all.whoIs(second)).rejects.toMatchObject({ kind: 'unauthenticated' });
    expect(await all.whoIs(foreign)).toMatchObject({ id: other.userId });
  });

  test('pages', async () => {
    const all = await parts();
    const person = await aPerson(db);
    for (let round = 0; round < 3; round++) await all.login(person);
    const call = await all.as(await all.login(person));
    const ids: string[] = [];
    let cursor: string | null = null;
    for (let pages = 0; pages < 4; pages++) {
      const page: Page<OwnLogin> = await operator.run(all.of.listOwnLogins, call, { limit: 1, cursor });
      ids.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
      expect(cursor === null).toBe(pages === 3);
    }
    expect(new Set(ids).size).toBe(4);
  });
});

test('a profile is one’s own to read and to rename', async () => {
  const all = await parts();
  const person = await aPerson(db);
  const call = await all.as(await all.login(person));
  await operator.run(all.of.updateProfile, call, { name: 'Another Name' });
  expect(await operator.run(all.of.getProfile, call, undefined)).toMatchObject({
    id: person.userId,
    email: person.email,
    name: 'Another Name',
    hasPassword: true,
    hasSecondFactor: false,
  });
});
