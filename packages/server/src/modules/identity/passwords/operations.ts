import type { Tx } from '../../../platform/db/index.ts';
import { type AnyOperation, operation } from '../../../platform/operation.ts';
import { passwordResetMail } from '../accounts/mails.ts';
import { personOf } from '../accounts/person.ts';
import { existing } from '../accounts/profile-operations.ts';
import type { AccountServices } from '../accounts/services.ts';
import { type Account, findAccountByEmail, findAccountById, hasStillPassword } from '../accounts/store.ts';
import {
  countRecentTokens,
  findTokenOwner,
  issueToken,
  MAILS_PER_HOUR,
  TOKEN_SECONDS,
  takeToken,
} from '../accounts/store-tokens.ts';
import { accountErrors, passwordErrors } from '../errors.ts';
import { hashPassword } from '../login/passwords.ts';
import { assertOwnPassword, replacePassword, wrongPassword } from './own-password.ts';
import { assertAcceptable } from './policy.ts';

export type IssuedReset = { token: string; seconds: number };

/** Operations on passwords. What hashes does so while it holds no connection. */
export const passwordOperations = (services: AccountServices) => ({
  ...forgottenPasswordOperations(services),
  changePassword: changePasswordOperation(services),
});

function forgottenPasswordOperations(services: AccountServices) {
  const { statements, transaction, throttle, mailer, publicUrl } = services;

  const forgotPassword = operation({
    name: 'identity.password.forgot',
    summary: 'Ask for a new password by mail. The answer is the same whether there is such an account or not.',
    scope: 'public',
    effect: 'wind_down',
    rate: 'login',
    audit: 'own',
    transaction: 'none',
    async run({ call }, input: { email: string }): Promise<void> {
      await throttle.address('mail', call.address);
      const email = input.email.toLowerCase();
      // Behind the answer: how long it takes must not say whether there is an account.
      const sent = transaction(async (tx) => {
        const account = await findAccountByEmail(tx, email);
        if (account === null || account.disabledAt !== null || !mailer.isConfigured) return;
        if ((await countRecentTokens(tx, 'password_reset', email)) >= MAILS_PER_HOUR) return;
        const token = issueToken(tx, 'password_reset', { userId: account.id, email, name: null, passwordHash: null });
        mailer.send(tx, passwordResetMail(publicUrl, email, token));
      });
      services.inBackground(sent);
    },
  });

  const issuePasswordReset = operation({
    name: 'identity.password.issue_reset',
    summary: 'Make a token with which somebody chooses a new password, to be handed over in another way than by mail.',
    scope: 'platform',
    effect: 'wind_down',
    rate: 'control',
    audit: {
      action: 'password.reset_issued',
      target: (input: { userId: string }) => ({ type: 'user', id: input.userId }),
    },
    transaction: 'system',
    async run({ tx }, { userId }): Promise<IssuedReset> {
      const account = await findAccountById(tx, userId);
      if (account === null || account.disabledAt !== null) {
        throw accountErrors.not_found('There is no person with this id who may sign in.');
      }
      const about = { userId, email: account.email, name: null, passwordHash: null };
      return { token: issueToken(tx, 'password_reset', about), seconds: TOKEN_SECONDS.password_reset };
    },
  });

  const resetPassword = operation({
    name: 'identity.password.reset',
    summary: 'Choose a new password with the token from the mail. Ends all logins of the account.',
    scope: 'public',
    effect: 'wind_down',
    rate: 'login',
    audit: 'own',
    transaction: 'none',
    async run(context, input: { token: string; password: string }): Promise<void> {
      await throttle.address('mail', context.call.address);
      const account = await statements((tx) => ownerOfReset(tx, input.token));
      assertAcceptable(input.password, account);
      const hash = await hashPassword(input.password);
      await transaction(async (tx) => {
        const token = await takeToken(tx, 'password_reset', input.token);
        if (token?.userId !== account.id || token.email !== account.email) throw invalidToken();
        await replacePassword(services, context, { tx, account, hash, keep: null });
      });
    },
  });

  return { forgotPassword, issuePasswordReset, resetPassword } satisfies Record<string, AnyOperation>;
}

function changePasswordOperation(services: AccountServices) {
  const { statements, transaction } = services;
  return operation({
    name: 'identity.password.change',
    summary: 'Change your password. Ends all your other logins.',
    scope: 'authenticated',
    effect: 'wind_down',
    rate: 'login',
    audit: 'own',
    transaction: 'none',
    async run(context, input: { currentPassword: string; password: string }): Promise<void> {
      const { account, loginId } = await statements(async (tx) => {
        const person = await personOf(context, tx);
        return { account: existing(await findAccountById(tx, person.userId)), loginId: person.loginId };
      });
      await assertOwnPassword(services, account, input.currentPassword);
      assertAcceptable(input.password, account);
      const hash = await hashPassword(input.password);
      await transaction(async (tx) => {
        if (!(await hasStillPassword(tx, account.id, account.passwordHash))) throw wrongPassword();
        await replacePassword(services, context, { tx, account, hash, keep: loginId });
      });
    },
  });
}

/** The account that a token to reset is about. The token itself is spent later, with the act. */
async function ownerOfReset(tx: Tx, token: string): Promise<Account> {
  const userId = await findTokenOwner(tx, 'password_reset', token);
  const account = userId === null ? null : await findAccountById(tx, userId);
  if (account === null || account.disabledAt !== null) throw invalidToken();
  return account;
}

const invalidToken = (): Error =>
  passwordErrors.token_invalid('This token is not valid: unknown, used, or older than an hour. Ask for a new one.');
