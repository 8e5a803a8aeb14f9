import { type AnyOperation, operation } from '../../../platform/operation.ts';
import { accountErrors } from '../errors.ts';
import { endLoginsOf } from '../login/store-sessions.ts';
import { assertOwnPassword } from '../passwords/own-password.ts';
import { confirmEmailMail, emailChangeAskedMail, emailChangedMail } from './mails.ts';
import { personOf } from './person.ts';
import { existing } from './profile-operations.ts';
import type { AccountServices } from './services.ts';
import { changeEmail, findAccountByEmail, findAccountById } from './store.ts';
import { countRecentTokens, issueToken, MAILS_PER_HOUR, takeToken, withdrawTokensOf } from './store-tokens.ts';

/** Operations that move an account to another e-mail address. */
export function emailOperations(services: AccountServices) {
  const { statements, transaction, throttle, mailer, publicUrl } = services;

  const requestEmailChange = operation({
    name: 'identity.email.change',
    summary: 'Ask to move your account to another e-mail address. It moves once that address is confirmed.',
    scope: 'authenticated',
    effect: 'wind_down',
    rate: 'login',
    audit: 'own',
    transaction: 'none',
    async run(context, input: { email: string; password: string }): Promise<void> {
      const email = input.email.toLowerCase();
      const account = await statements(async (tx) =>
        existing(await findAccountById(tx, (await personOf(context, tx)).userId)),
      );
      if (!mailer.isConfigured) throw noMail();
      await assertOwnPassword(services, account, input.password);
      await throttle.address('mail', context.call.address);
      await transaction(async (tx) => {
        const isFree = (await findAccountByEmail(tx, email)) === null;
        const isTold = (await countRecentTokens(tx, 'email_change', email)) >= MAILS_PER_HOUR;
        // An address that somebody has is told nothing, and so is whoever asks.
        if (!isFree || isTold) return;
        const token = issueToken(tx, 'email_change', { userId: account.id, email, name: null, passwordHash: null });
        mailer.send(tx, confirmEmailMail(publicUrl, email, token));
        mailer.send(tx, emailChangeAskedMail(account.email, email));
        services.audit(
          { tx, call: context.call },
          { orgId: context.by.orgId, userId: account.id },
          {
            action: 'email.change_requested',
            target: { type: 'user', id: account.id },
            personal: { before: account.email, after: email },
          },
        );
      });
    },
  });

  const confirmEmail = operation({
    name: 'identity.email.confirm',
    summary: 'Confirm the new e-mail address of an account with the token from the mail. Ends all its logins.',
    scope: 'public',
    effect: 'wind_down',
    rate: 'login',
    audit: 'own',
    transaction: 'system',
    async run(context, input: { token: string }): Promise<void> {
      const { tx, call } = context;
      const token = await takeToken(tx, 'email_change', input.token);
      const before = token?.userId ? await findAccountById(tx, token.userId) : null;
      if (token === null || before === null) throw invalidToken();
      const after = await changeEmail(tx, before.id, { email: token.email, from: before.email });
      if (after === null) throw invalidToken();
      withdrawTokensOf(tx, after.id);
      await endLoginsOf(tx, after.id, null);
      services.grantsChanged(tx);
      mailer.send(tx, emailChangedMail(before.email, after.email));
      services.audit(
        { tx, call },
        { orgId: null, userId: after.id },
        {
          action: 'email.changed',
          target: { type: 'user', id: after.id },
          personal: { before: before.email, after: after.email },
        },
      );
    },
  });

  return { requestEmailChange, confirmEmail } satisfies Record<string, AnyOperation>;
}

/** @throws AppError `unavailable` where no mail is sent, since nobody would get the token */
export const noMail = (): Error =>
  accountErrors.mail_missing('This needs mail, and no mail server is configured here. Ask an administrator.');

export const invalidToken = (): Error =>
  accountErrors.token_invalid('This token is not valid: unknown, used, or too old. Ask for a new one.');
