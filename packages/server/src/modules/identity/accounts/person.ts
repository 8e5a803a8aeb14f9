import type { Tx } from '../../../platform/db/index.ts';
import type { Context } from '../../../platform/operation.ts';
import { accountErrors, loginErrors } from '../errors.ts';
import { weighLogin } from '../login/store-sessions.ts';

/** How long a sign-in counts as fresh, for acts that would let a thief of the login stay. */
const RECENT_SECONDS = 15 * 60;

/** A person who acts on their own account. */
export type Person = { userId: string; loginId: string };

/**
 * The person behind a call about their own account. Keys have no account, and a login that was given less than the
 * person has (a device's) does not reach it.
 * @throws AppError `denied`, saying what to sign in with
 */
export async function personOf(
  { by }: Pick<Context, 'by'>,
  tx: Tx,
  { recent = false }: { recent?: boolean } = {},
): Promise<Person> {
  const { userId, loginId } = by;
  if (by.kind !== 'user' || userId === null || loginId === null) {
    throw accountErrors.person_needed('This is about the account of a person. Sign in; an API key has none.');
  }
  const weight = await weighLogin(tx, { loginId, userId, recentSeconds: RECENT_SECONDS });
  if (weight?.isWhole !== true) {
    throw accountErrors.person_needed('This login was given less than its person may do. Sign in with a browser.');
  }
  if (recent && !weight.isRecent) {
    throw loginErrors.stale('This needs a fresh sign-in: yours is more than 15 minutes old. Sign in again.');
  }
  return { userId, loginId };
}
