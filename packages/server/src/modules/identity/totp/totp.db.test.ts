import { randomBytes } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import { describe, expect, test } from 'vitest';
import { signingIn } from '../../../../test/accounts.ts';
import { aCall } from '../../../../test/calls.ts';
import { testDatabase } from '../../../../test/database.ts';
import { governed } from '../../../../test/governed.ts';
import { aPerson, type Person } from '../../../../test/people.ts';
import { ANONYMOUS } from '../../../kernel/principal.ts';
import { loginOperations } from '../login/operations.ts';
import { SecondFactorRequired } from '../login/sign-in.ts';
import { secondFactorOperations } from './operations.ts';

const db = testDatabase();
const operator = governed(db);

async function parts() {
  const signing = await signingIn(db);
  const { services, signIn, logins, whoIs } = signing;
  const login = loginOperations({ logins, signIn, grantsChanged: services.grantsChanged, auditAs: () => {} });
  const of = { ...secondFactorOperations(services), ...login };
  const anonymous = () => aCall({ principal: ANONYMOUS, address: randomBytes(4).join('.') });
  const withPassword = ({ email, password }: Person) =>
    operator.run(of.login, anonymous(), { email, password, client: 'a test' });
  return {
    of,
    withPassword,
    as: async (signedIn: { accessToken: string }) => aCall({ principal: await whoIs(signedIn) }),
    /** The token of a sign-in that asks for a second factor. */
    async challenge(person: Person): Promise<string> {
      const thrown = await withPassword(person).catch((error) => error);
      expect(thrown).toBeInstanceOf(SecondFactorRequired);
      return (thrown as SecondFactorRequired).mfaToken;
    },
    complete: (mfaToken: string, code: string) => operator.run(of.completeLogin, anonymous(), { mfaToken, code }),
  };
}

/** What the app shows, so many steps from now. */
const codeOf = (secret: string, steps = 0): string =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30_000 });

/** Switches the second factor on; its app has shown the code of one step before now. */
async function switchOn(all: Awaited<ReturnType<typeof parts>>, person: Person) {
  const call = await all.as(await all.withPassword(person));
  const { secret, uri } = await operator.run(all.of.enrolSecondFactor, call, undefined);
  const code = codeOf(secret, -1);
  const { recoveryCodes } = await operator.run(all.of.confirmSecondFactor, call, { code });
  return { call, secret, uri, recoveryCodes };
}

describe('a second factor', () => {
  test('is asked for once it is confirmed, and a code of the app finishes the sign-in', async () => {
    const all = await parts();
    const person = await aPerson(db);
    const { secret, uri } = await switchOn(all, person);
    expect(uri).toMatch(/^otpauth:\/\/totp\/Assay:.*secret=/);
    const signedIn = await all.complete(await all.challenge(person), codeOf(secret));
    expect(signedIn.userId).toBe(person.userId);
  });

  test('counts for nothing before it is confirmed', async () => {
    const all = await parts();
    const person = await aPerson(db);
    const call = await all.as(await all.withPassword(person));
    await operator.run(all.of.enrolSecondFactor, call, undefined);
    expect((await all.withPassword(person)).userId).toBe(person.userId);
    await expect(operator.run(all.of.confirmSecondFactor, call, { code: '000000' })).rejects.toMatchObject({
      code: 'totp.code_wrong',
    });
  });

  test('takes no code twice, nor one of before a code that it has taken', async () => {
    const all = await parts();
    const person = await aPerson(db);
    const { secret } = await switchOn(all, person);
    const code = codeOf(secret);
    await all.complete(await all.challenge(person), code);
    for (const stale of [code, codeOf(secret, -1)]) {
      await expect(all.complete(await all.challenge(person), stale)).rejects.toMatchObject({
        code: 'login.second_factor_failed',
      });
    }
  });

  test('takes one of two uses of a code at once', async () => {
    const all = await parts();
    const person = await aPerson(db);
    const { secret } = await switchOn(all, person);
    const code = codeOf(secret);
    const tokens = [await all.challenge(person), await all.challenge(person)];
    const ends = await Promise.allSettled(tokens.map((token) => all.complete(token, code)));
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('ends the sign-in after five wrong codes, and the account is held back after ten', async () => {
    const all = await parts();
    const person = await aPerson(db);
    await switchOn(all, person);
    const answers: string[] = [];
    for (let round = 0; round < 3; round++) {
      const token = await all.challenge(person);
      for (let tries = 0; tries < 6; tries++)
        answers.push(await all.complete(token, '000000').then(String, ({ code }) => code));
    }
    expect(answers.slice(0, 6)).toEqual([...Array(5).fill('login.second_factor_failed'), 'login.challenge_ended']);
    expect(answers.at(-2)).toBe('login.throttled');
  });

  test('is answered with a recovery code where the phone is lost, each once, however it is typed', async () => {
    const all = await parts();
    const person = await aPerson(db);
    const { recoveryCodes, call } = await switchOn(all, person);
    expect(new Set(recoveryCodes).size).toBe(10);
    const [first = '', second = ''] = recoveryCodes;
    await all.complete(await all.challenge(person), ` ${first.toUpperCase().replace('-', ' ')} `.replace('  ', ' '));
    await all.complete(await all.challenge(person), second.replace('-', ''));
    await expect(all.complete(await all.challenge(person), first)).rejects.toMatchObject({
      code: 'login.second_factor_failed',
    });
    expect(await operator.run(all.of.getSecondFactor, call, undefined)).toMatchObject({
      isOn: true,
      recoveryCodesLeft: 8,
    });
  });

  test('is not open to the codes of somebody else', async () => {
    const all = await parts();
    const [person, other] = [await aPerson(db), await aPerson(db)];
    const [, theirs] = [await switchOn(all, person), await switchOn(all, other)];
    const wrong = { code: 'login.second_factor_failed' };
    for (const code of [theirs.recoveryCodes[0] ?? '', codeOf(theirs.secret)])
      await expect(all.complete(await all.challenge(person), code)).rejects.toMatchObject(wrong);
  });

  test('is switched off with the password or a code, and with nothing less', async () => {
    const all = await parts();
    const person = await aPerson(db);
    const { call, secret } = await switchOn(all, person);
    const off = (input: { password: string } | { code: string }) =>
      operator.run(all.of.disableSecondFactor, call, input);
    await expect(off({ password: 'wrong' })).rejects.toMatchObject({ code: 'password.wrong' });
    await expect(off({ code: '000000' })).rejects.toMatchObject({ code: 'totp.code_wrong' });
    await off({ code: codeOf(secret) });
    expect((await all.withPassword(person)).userId).toBe(person.userId);
    const again = await switchOn(all, person);
    await operator.run(all.of.disableSecondFactor, again.call, { password: person.password });
    expect((await all.withPassword(person)).userId).toBe(person.userId);
  });

  test('lies sealed in the database, and its recovery codes as digests', async () => {
    const all = await parts();
    const person = await aPerson(db);
    const { secret, recoveryCodes } = await switchOn(all, person);
    const { rows } = await db.owner.query(
      `select encode(sealed_secret, 'hex') as text from totp_authenticators where user_id = $1
       union all select encode(hash, 'hex') from recovery_codes where user_id = $1`,
      [person.userId],
    );
    const stored = rows.map(({ text }) => text).join(' ');
    expect(stored).not.toContain(Buffer.from(Secret.fromBase32(secret).bytes).toString('hex'));
    for (const code of recoveryCodes) expect(stored).not.toContain(Buffer.from(code.replace('-', '')).toString('hex'));
  });
});
