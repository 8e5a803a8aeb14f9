import { statement, type Tx } from '../../platform/db/index.ts';
import { deleteExpiredTokens } from './accounts/store-tokens.ts';
import { deleteOldAttempts } from './throttle/store.ts';
import { deleteExpiredChallenges } from './totp/store.ts';

const deletePasskeyChallenges = statement(
  'identity.delete_passkey_challenges',
  'delete from passkey_challenges where expires_at < now()',
);
const deleteSsoAttempts = statement(
  'identity.delete_sso_attempts',
  'delete from sso_attempts where expires_at < now()',
);

/** Deletes what nobody came back with: challenges, tokens from mails, sign-ins under way, and counted attempts. */
export async function deleteSpentIdentity(tx: Tx): Promise<void> {
  await deleteExpiredTokens(tx);
  await deleteExpiredChallenges(tx);
  await deleteOldAttempts(tx);
  await tx.query(deletePasskeyChallenges, []);
  await tx.query(deleteSsoAttempts, []);
}
