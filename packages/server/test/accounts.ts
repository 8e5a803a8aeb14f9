import { randomBytes } from 'node:crypto';
import type { Principal } from '../src/kernel/principal.ts';
import { Sensitive } from '../src/kernel/sensitive.ts';
import { insertLeaf } from '../src/modules/audit/index.ts';
import type { AccountServices } from '../src/modules/identity/accounts/services.ts';
import { Authenticator } from '../src/modules/identity/authenticator.ts';
import { KnownDevices } from '../src/modules/identity/login/known-devices.ts';
import { Logins } from '../src/modules/identity/login/logins.ts';
import { SignIn } from '../src/modules/identity/login/sign-in.ts';
import { Throttle } from '../src/modules/identity/throttle/throttle.ts';
import { AccessTokens } from '../src/modules/identity/tokens/access-tokens.ts';
import { SigningKeys } from '../src/modules/identity/tokens/signing-keys.ts';
import { SecondFactors } from '../src/modules/identity/totp/second-factors.ts';
import type { Tx } from '../src/platform/db/index.ts';
import type { Mail } from '../src/platform/mail/mailer.ts';
import type { TestDatabase } from './database.ts';

type Work = <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>;

/** One for each test file, like the database that it belongs to. */
const MASTER_KEY = new Sensitive(randomBytes(32));

/** Signing in as the server composes it, on a test database; what is mailed is kept. */
export async function signingIn(db: TestDatabase, masterKey = MASTER_KEY) {
  const statements: Work = (work) => db.system.statements({ orgId: null }, work);
  const transaction: Work = (work) => db.system.transaction({ orgId: null }, work);
  const keys = await SigningKeys.load({ systemTransaction: transaction, masterKey, hearsChanges: () => true });
  const tokens = new AccessTokens(keys, null);
  const authenticator = new Authenticator({ tokens, systemRead: statements, hearsRevocations: () => true });
  const logins = new Logins(tokens);
  const throttle = new Throttle(statements);
  const secondFactors = new SecondFactors(masterKey);
  const mails: Mail[] = [];
  const background: Promise<void>[] = [];
  const services: AccountServices = {
    statements,
    transaction,
    throttle,
    secondFactors,
    mailer: { isConfigured: true, send: (tx, mail) => tx.onCommit(() => void mails.push(mail)) },
    publicUrl: 'https://assay.example.test',
    inBackground: (work) => void background.push(work),
    grantsChanged: (tx) => tx.onCommit(() => authenticator.forget()),
    audit({ tx, call }, { orgId, userId }, act) {
      if (orgId === null) return;
      const { via, requestId, traceId } = call;
      const leaf = { orgId, outcome: 'allowed', actor: { kind: 'user', id: userId }, via, requestId, traceId } as const;
      insertLeaf(tx, { target: null, detail: {}, personal: {}, ...leaf, ...act });
    },
  };
  const signIn = new SignIn({
    logins,
    throttle,
    devices: new KnownDevices(masterKey),
    secondFactors,
    statements,
    transaction,
    audit: (tx, call, { orgId, userId, action }) => services.audit({ tx, call }, { orgId, userId }, { action }),
  });
  return {
    masterKey,
    keys,
    tokens,
    authenticator,
    logins,
    services,
    signIn,
    mails,
    /** Whom an access token stands for. */
    whoIs: ({ accessToken }: { accessToken: string }): Promise<Principal> =>
      authenticator.authenticate({ kind: 'access_token', value: accessToken }),
    /** Waits for what goes on behind the answers. */
    settled: () => Promise.all(background),
  };
}

/** The token in a mail. */
export const tokenIn = ({ text }: Mail): string => /ot_[\w-]{43}/.exec(text)?.[0] ?? '';
