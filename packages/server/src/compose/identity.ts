import { resolveTxt } from 'node:dns/promises';
import type { Config } from '../config/config.ts';
import { INSTALLATION, insertLeaf } from '../modules/audit/index.ts';
import { insertEvent } from '../modules/events/index.ts';
import {
  AccessTokens,
  type AccountServices,
  Issuers,
  KnownDevices,
  Logins,
  LoginUsage,
  ProviderSecrets,
  relyingParty,
  SecondFactors,
  SignIn,
  SigningKeys,
  Throttle,
} from '../modules/identity/index.ts';
import type { MasterKey } from '../platform/crypto/master-key.ts';
import type { Tx } from '../platform/db/index.ts';
import type { HttpClient } from '../platform/http-client/index.ts';
import type { Log } from '../platform/log.ts';
import type { Mailer } from '../platform/mail/mailer.ts';
import type { NewEvent } from '../platform/operation.ts';
import type { Wakeups } from '../platform/queue/wakeups.ts';
import { leafOfAct } from './governance.ts';

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
  /** For addresses that organizations choose. */
  http: HttpClient;
  told(): void;
  log: Log;
};

/** Signing in, and what it stands on; `stack` disposes it. */
export async function composeIdentity(parts: IdentityParts, stack: AsyncDisposableStack) {
  const { config, masterKey, statements, transaction, wakeups, topics, told } = parts;
  const log = parts.log.child({ subsystem: 'identity' });
  const signingKeys = await SigningKeys.load({
    systemTransaction: transaction,
    masterKey,
    hearsChanges: () => wakeups.connected,
  });
  wakeups.on(topics.signingKeys, () => {
    signingKeys.reload().catch((error) => log.warn({ err: error }, 'signing keys could not be read again'));
  });
  const tokens = new AccessTokens(signingKeys, config.publicUrl);
  const logins = new Logins(tokens);
  const throttle = new Throttle(statements);
  const secondFactors = new SecondFactors(masterKey);
  const audit: AccountServices['audit'] = ({ tx, call }, { orgId, userId }, act) => {
    const full = { target: null, detail: {}, personal: {}, ...act };
    insertLeaf(tx, leafOfAct(call, full, { orgId: orgId ?? INSTALLATION, actor: { kind: 'user', id: userId } }));
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
  return {
    signingKeys,
    tokens,
    logins,
    accounts,
    signIn,
    loginUsage: stack.use(new LoginUsage({ statements, log })),
    passkeys: { ...accounts, signIn, party: relyingParty(config.publicUrl) },
    singleSignOn: singleSignOn(parts, { accounts, signIn }),
  };
}

/** Signing in at issuers that organizations trust. */
function singleSignOn(
  { masterKey, http, told, log }: IdentityParts,
  { accounts, signIn }: { accounts: AccountServices; signIn: SignIn },
) {
  const secrets = new ProviderSecrets(masterKey);
  return {
    providers: { secrets, rules: http.rules },
    domains: { ...accounts, resolveText },
    sso: {
      ...accounts,
      secrets,
      signIn,
      issuers: new Issuers(http, (failure) => log.warn(failure, 'an issuer did not confirm a sign-in')),
      emit(tx: Tx, orgId: string, event: NewEvent) {
        insertEvent(tx, orgId, event);
        tx.onCommit(told);
      },
    },
  };
}

/** TXT records as the system's resolver gives them; one without any is not a failure. */
const resolveText = async (name: string): Promise<string[]> =>
  (await resolveTxt(name).catch(() => [])).map((parts) => parts.join(''));
