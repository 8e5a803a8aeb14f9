import type { Tx } from '../../../platform/db/index.ts';
import type { Context } from '../../../platform/operation.ts';
import { passwordChangedMail } from '../accounts/mails.ts';
import type { AccountServices } from '../accounts/services.ts';
import { type Account, changePasswordHash } from '../accounts/store.ts';
import { withdrawTokensOf } from '../accounts/store-tokens.ts';
import { passwordErrors } from '../errors.ts';
import { verifyPassword } from '../login/passwords.ts';
import { endLoginsOf } from '../login/store-sessions.ts';

/**
 * Holds an act to the password of the account. A person without one signs in elsewhere, and sets one by mail.
 * @throws AppError `denied` when it is wrong, `rate_limited` after too many attempts
 */
export async function assertOwnPassword(
  { throttle }: Pick<AccountServices, 'throttle'>,
  { id, passwordHash }: Account,
  password: string,
): Promise<void> {
  if (passwordHash === null) {
    throw passwordErrors.missing('This account has no password. Ask for one at /v1/auth/password/forgot first.');
  }
  const attempt = await throttle.account('own password', id);
  if (!(await verifyPassword(passwordHash, password))) throw wrongPassword();
  await attempt.succeeded();
}

/** Sets a new password, ends logins but one, and tells the owner. */
export async function replacePassword(
  services: AccountServices,
  context: Pick<Context, 'by' | 'call'>,
  { tx, account, hash, keep }: { tx: Tx; account: Account; hash: string; keep: string | null },
): Promise<void> {
  if ((await changePasswordHash(tx, account.id, hash)) === null)
    throw passwordErrors.wrong('This account cannot have a password any more. Ask an administrator.');
  withdrawTokensOf(tx, account.id);
  await endLoginsOf(tx, account.id, keep);
  services.grantsChanged(tx);
  services.mailer.send(tx, passwordChangedMail(account.email));
  const who = { orgId: context.by.orgId, userId: account.id };
  services.audit({ tx, call: context.call }, who, {
    action: 'password.changed',
    target: { type: 'user', id: account.id },
  });
}

export const wrongPassword = (): Error =>
  passwordErrors.wrong('Your current password is another one.', {
    faults: [{ field: 'current_password', constraint: 'correct', message: 'It is another one.' }],
  });
