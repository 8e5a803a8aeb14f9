import { describe, expect, test } from 'vitest';
import { signingIn } from '../../../../test/accounts.ts';
import { aCall, aPrincipal } from '../../../../test/calls.ts';
import { testDatabase } from '../../../../test/database.ts';
import { governed } from '../../../../test/governed.ts';
import { aPerson, type Person } from '../../../../test/people.ts';
import { type Answers, SoftwareAuthenticator } from '../../../../test/software-authenticator.ts';
import { ANONYMOUS } from '../../../kernel/principal.ts';
import type { AuthenticationResponse, RegistrationResponse } from './ceremonies.ts';
import { passkeyOperations } from './operations.ts';
import { relyingParty } from './relying-party.ts';

const db = testDatabase();
const operator = governed(db);
const parts = async () => {
  const { services, signIn, whoIs } = await signingIn(db);
  const of = passkeyOperations({ ...services, signIn, party: relyingParty('https://assay.example.test') });
  const anonymous = () => aCall({ principal: ANONYMOUS });
  const asPerson = async (person: Person) => {
    const signedIn = await signIn.withPassword(anonymous(), { ...person, client: 'a test' });
    return aCall({ principal: await whoIs(signedIn) });
  };
  return {
    of,
    asPerson,
    async register(person: Person, authenticator: SoftwareAuthenticator, answers: Answers = {}) {
      const call = await asPerson(person);
      const options = await operator.run(of.offerPasskey, call, undefined);
      const response = authenticator.create(options as never, answers) as RegistrationResponse;
      return operator.run(of.registerPasskey, call, { name: 'My laptop', response });
    },
    challenge: () => operator.run(of.challengeForPasskey, anonymous(), undefined),
    login: (response: unknown) =>
      operator.run(of.loginWithPasskey, anonymous(), {
        response: response as AuthenticationResponse,
        client: 'a test',
      }),
  };
};
const failed = { kind: 'unauthenticated', code: 'passkey.failed' };
const refused = { kind: 'invalid', code: 'passkey.refused' };

describe('a passkey', () => {
  test('is made once and signs its owner in from then on', async () => {
    const person = await aPerson(db);
    const { register, challenge, login, of, asPerson } = await parts();
    const authenticator = new SoftwareAuthenticator();
    const made = await register(person, authenticator);
    expect(made).toMatchObject({ name: 'My laptop', lastUsedAt: null });
    for (let round = 0; round < 2; round++) {
      const signedIn = await login(authenticator.get(await challenge()));
      expect(signedIn).toMatchObject({ userId: person.userId, orgId: person.orgId });
    }
    const [listed] = await operator.run(of.listPasskeys, await asPerson(person), undefined);
    expect(listed?.lastUsedAt).toBeInstanceOf(Date);
  });

  test('signs nobody in once it is removed, and only its owner removes it', async () => {
    const [person, other] = [await aPerson(db), await aPerson(db)];
    const { register, challenge, login, of, asPerson } = await parts();
    const authenticator = new SoftwareAuthenticator();
    const { id } = await register(person, authenticator);
    await expect(operator.run(of.removePasskey, await asPerson(other), { id })).rejects.toMatchObject({
      code: 'passkey.not_found',
    });
    await operator.run(of.removePasskey, await asPerson(person), { id });
    await expect(login(authenticator.get(await challenge()))).rejects.toMatchObject(failed);
  });

  test('is not made for one whose sign-in is an hour old, nor for a key', async () => {
    const person = await aPerson(db);
    const { of, asPerson } = await parts();
    const call = await asPerson(person);
    await db.owner.query(`update logins set created_at = now() - interval '1 hour' where user_id = $1`, [
      person.userId,
    ]);
    await expect(operator.run(of.offerPasskey, call, undefined)).rejects.toMatchObject({ code: 'login.stale' });
    const byKey = aCall({ principal: aPrincipal({ orgId: person.orgId, userId: person.userId }) });
    await expect(operator.run(of.offerPasskey, byKey, undefined)).rejects.toMatchObject({
      code: 'account.person_needed',
    });
  });

  test.each<[string, Answers]>([
    ['for a page elsewhere', { origin: 'https://assay.example.test.evil.example' }],
    ['for another site', { rpId: 'evil.example' }],
    ['without a person who showed who they are', { isVerified: false }],
  ])('that was made %s is refused', async (_name, answers) => {
    const { register } = await parts();
    await expect(register(await aPerson(db), new SoftwareAuthenticator(), answers)).rejects.toMatchObject(refused);
  });

  test.each<[string, Answers]>([
    ['for a page elsewhere', { origin: 'https://evil.example' }],
    ['for another site', { rpId: 'evil.example' }],
    ['without a person who showed who they are', { isVerified: false }],
    ['with a counter that went back', { counter: 1 }],
  ])('that answers %s signs nobody in', async (_name, answers) => {
    const { register, challenge, login } = await parts();
    const authenticator = new SoftwareAuthenticator();
    await register(await aPerson(db), authenticator, { counter: 5 });
    await expect(login(authenticator.get(await challenge(), answers))).rejects.toMatchObject(failed);
  });

  test('answers each challenge once, and only one of ours', async () => {
    const person = await aPerson(db);
    const { register, challenge, login } = await parts();
    const authenticator = new SoftwareAuthenticator();
    await register(person, authenticator);
    const options = await challenge();
    await login(authenticator.get(options));
    await expect(login(authenticator.get(options))).rejects.toMatchObject(failed);
    const made = { challenge: 'bWFkZSB1cA', rpId: 'assay.example.test' };
    await expect(login(authenticator.get(made))).rejects.toMatchObject(failed);
    const late = await challenge();
    await db.owner.query('reset role');
    await db.owner.query(`update passkey_challenges set expires_at = now() - interval '1 second'`);
    await db.owner.query('set role assay_system');
    await expect(login(authenticator.get(late))).rejects.toMatchObject(failed);
  });

  test('is not registered with the challenge of somebody else', async () => {
    const [person, other] = [await aPerson(db), await aPerson(db)];
    const { of, asPerson } = await parts();
    const options = await operator.run(of.offerPasskey, await asPerson(other), undefined);
    const response = new SoftwareAuthenticator().create(options as never) as RegistrationResponse;
    const call = await asPerson(person);
    await expect(operator.run(of.registerPasskey, call, { name: 'x', response })).rejects.toMatchObject(refused);
  });

  test('of a disabled person signs nobody in', async () => {
    const person = await aPerson(db);
    const { register, challenge, login } = await parts();
    const authenticator = new SoftwareAuthenticator();
    await register(person, authenticator);
    await db.owner.query('update users set disabled_at = now() where id = $1', [person.userId]);
    await expect(login(authenticator.get(await challenge()))).rejects.toMatchObject({ kind: 'unauthenticated' });
  });
});
