import { newId } from '../../../kernel/ids.ts';
import { type AnyOperation, operation } from '../../../platform/operation.ts';
import { accountErrors } from '../errors.ts';
import { hashPassword } from '../login/passwords.ts';
import { assertAcceptable } from '../passwords/policy.ts';
import { invalidToken, noMail } from './email-operations.ts';
import { alreadySignedUpMail, signUpMail } from './mails.ts';
import type { AccountServices } from './services.ts';
import { findAccountByEmail, insertAccount } from './store.ts';
import { countRecentTokens, issueToken, MAILS_PER_HOUR, takeToken, withdrawSignUps } from './store-tokens.ts';

/** Operations that make an account without an invitation, where that is on. */
export function signUpOperations(services: AccountServices & { isSignUpOpen: boolean }) {
  const { transaction, throttle, mailer, publicUrl } = services;

  const signUp = operation({
    name: 'identity.account.sign_up',
    summary: 'Make an account, where open sign-up is on. It exists once its e-mail address is confirmed.',
    scope: 'public',
    effect: 'create',
    rate: 'login',
    audit: 'own',
    transaction: 'none',
    async run({ call }, input: { email: string; name: string; password: string }): Promise<void> {
      if (!services.isSignUpOpen) {
        throw accountErrors.sign_up_closed('Accounts are made by invitation here. Ask an administrator for one.');
      }
      if (!mailer.isConfigured) throw noMail();
      const email = input.email.toLowerCase();
      assertAcceptable(input.password, { email, name: input.name });
      await throttle.address('sign-up', call.address);
      const passwordHash = await hashPassword(input.password);
      // Behind the answer, which is the same for an address that has an account.
      const asked = transaction(async (tx) => {
        if ((await countRecentTokens(tx, 'sign_up', email)) >= MAILS_PER_HOUR) return;
        if ((await findAccountByEmail(tx, email)) !== null) {
          mailer.send(tx, alreadySignedUpMail(email));
          return;
        }
        const token = issueToken(tx, 'sign_up', { userId: null, email, name: input.name, passwordHash });
        mailer.send(tx, signUpMail(publicUrl, email, token));
      });
      services.inBackground(asked);
    },
  });

  const confirmSignUp = operation({
    name: 'identity.account.confirm',
    summary: 'Confirm the e-mail address of a new account with the token from the mail.',
    scope: 'public',
    effect: 'create',
    rate: 'login',
    audit: 'own',
    transaction: 'system',
    async run({ tx }, input: { token: string }): Promise<{ userId: string }> {
      const token = await takeToken(tx, 'sign_up', input.token);
      if (token === null || token.name === null || !services.isSignUpOpen) throw invalidToken();
      const account = { id: newId(), email: token.email, name: token.name, passwordHash: token.passwordHash };
      if (!(await insertAccount(tx, account))) {
        throw accountErrors.email_taken('Somebody with this e-mail address exists already. Sign in instead.');
      }
      withdrawSignUps(tx, token.email);
      return { userId: account.id };
    },
  });

  return { signUp, confirmSignUp } satisfies Record<string, AnyOperation>;
}
