import type { Config } from '../config/config.ts';
import { INSTALLATION, insertLeaf } from '../modules/audit/index.ts';
import {
  AccessTokens,
  type AccountServices,
  KnownDevices,
  Logins,
  LoginUsage,
  SecondFactors,
  SignIn,
  SigningKeys,
  Throttle,
} from '../modules/identity/index.ts';
import type { MasterKey } from '../platform/crypto/master-key.ts';
import type { Tx } from '../platform/db/index.ts';
import type { Log } from '../platform/log.ts';
import type { Mailer } from '../platform/mail/mailer.ts';
import type { Wakeups } from '../platform/queue/wakeups.ts';
import { leafOf } from './governance.ts';

type Work = <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>;

/** What identity is built from; `topics` are those that it raises and hears. */
export type IdentityParts = {
  config: Config;
  masterKey: MasterKey;
  statements: Work;
  transaction: Work;
  mailer: Mailer;
  wakeups: Wakeups;
  topics: { grants: string; signingKeys: string };
  told(): void;
  log: Log;
};

/** Signing in, and what it stands on. */
export async function composeIdentity(parts: IdentityParts) {
  const { config, masterKey, statements, transaction, wakeups, topics, told } = parts;
  const log = parts.log.child({ subsystem: 'identity' });
  const signingKeys = await SigningKeys.load({ systemTransaction: transaction, masterKey });
  wakeups.on(topics.signingKeys, () => {
    signingKeys.reload().catch((error) => log.warn({ err: error }, 'signing keys could not be read again'));
  });
  const tokens = new AccessTokens(signingKeys, config.publicUrl);
  const logins = new Logins(tokens);
  const throttle = new Throttle(statements);
  const secondFactors = new SecondFactors(masterKey);
  const audit: AccountServices['audit'] = ({ tx, call }, { orgId, userId }, act) => {
    const leaf = leafOf(call);
    const personal = { ...leaf.personal, ...act.personal };
    const full = { target: null, detail: {}, ...act, personal };
    const actor = { kind: 'user', id: userId };
    insertLeaf(tx, { ...leaf, ...full, orgId: orgId ?? INSTALLATION, actor, outcome: 'allowed' });
    tx.onCommit(told);
  };
  const accounts: AccountServices = {
    statements,
    transaction,
    throttle,
    secondFactors,
    mailer: parts.mailer,
    publicUrl: config.publicUrl,
    inBackground: (work) =>
      void work.catch((error) => log.warn({ err: error }, 'what was asked for by mail could not be done')),
    grantsChanged: (tx) => wakeups.raiseWith(tx, topics.grants),
    audit,
  };
  const devices = new KnownDevices(masterKey);
  const signIn = new SignIn({
    logins,
    throttle,
    devices,
    secondFactors,
    statements,
    transaction,
    audit: (tx, call, { orgId, userId, action }) =>
      audit({ tx, call }, { orgId, userId }, { action, target: { type: 'user', id: userId } }),
  });
  return { signingKeys, tokens, logins, accounts, signIn, loginUsage: new LoginUsage({ statements, log }) };
}
