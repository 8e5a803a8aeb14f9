import { AccessTokens } from '../src/modules/identity/tokens/access-tokens.ts';
import { SigningKeys } from '../src/modules/identity/tokens/signing-keys.ts';
import type { MasterKey } from '../src/platform/crypto/master-key.ts';
import type { Tx } from '../src/platform/db/index.ts';

/** Access tokens over the signing keys of a database, as a process loads them at its start. */
export async function loadAccessTokens(
  systemTransaction: <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>,
  masterKey: MasterKey,
): Promise<AccessTokens> {
  return new AccessTokens(await SigningKeys.load({ systemTransaction, masterKey, hearsChanges: () => true }), null);
}
