import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { findMembership, findUserById, type Organization, type User } from '../../tenancy/index.ts';
import { loginErrors } from '../errors.ts';
import { hashToken, newSessionCookie } from '../login/logins.ts';
import { SESSION_SECONDS } from '../login/model.ts';
import { findLogin, lockRefreshToken, revokeLogin, turnIntoSession } from '../login/store.ts';
import type { AccessTokens } from '../tokens/access-tokens.ts';

export type SessionOperationsOptions = {
  tokens: Pick<AccessTokens, 'verify'>;
  /** Drops cached grants of the login at the commit, everywhere. */
  grantsChanged(tx: Context['tx']): void;
  /** Writes an audit leaf of an act whose organization was not known from the credential. */
  auditAs(context: Context, orgId: string, userId: string, action: string): void;
};

/** What a browser's cookie is to hold, and for how long. */
export type OpenedSession = { cookie: string; seconds: number };

export function sessionOperations({ tokens, grantsChanged, auditAs }: SessionOperationsOptions) {
  /** Ends a login that lives, and says so in the log. */
  async function end(context: Context, loginId: string): Promise<void> {
    const login = await findLogin(context.tx, loginId);
    if (!login) return;
    revokeLogin(context.tx, loginId);
    grantsChanged(context.tx);
    if (login.orgId) auditAs(context, login.orgId, login.userId, 'login.ended');
  }

  const openSession = operation({
    name: 'identity.session.open',
    summary: 'Turn a sign-in that has just succeeded into the session of a browser.',
    scope: 'public',
    effect: 'read',
    rate: 'included',
    audit: null,
    transaction: 'system',
    async run({ tx }, input: { refreshToken: string }): Promise<OpenedSession> {
      const token = await lockRefreshToken(tx, hashToken(input.refreshToken));
      if (!token || token.isRevoked || token.isExpired || token.isUsed) {
        throw loginErrors.refresh_invalid('The sign-in is over. Sign in again.');
      }
      // A value nobody has seen before, however the browser came here: a session cannot be planted.
      const cookie = newSessionCookie();
      turnIntoSession(tx, token.loginId, hashToken(cookie), SESSION_SECONDS);
      return { cookie, seconds: SESSION_SECONDS };
    },
  });

  const endSession = operation({
    name: 'identity.session.end',
    summary: 'Sign out: ends the login that the request is made with.',
    scope: 'authenticated',
    effect: 'wind_down',
    rate: 'login',
    audit: 'own',
    transaction: 'system',
    async run(context): Promise<void> {
      if (context.by.loginId !== null) await end(context, context.by.loginId);
    },
  });

  const revokeToken = operation({
    name: 'identity.login.revoke',
    summary: 'Revoke a refresh token or an access token, and with it the login that it belongs to (RFC 7009).',
    scope: 'public',
    effect: 'wind_down',
    rate: 'login',
    audit: 'own',
    transaction: 'system',
    async run(context, input: { token: string }): Promise<void> {
      const refresh = await lockRefreshToken(context.tx, hashToken(input.token));
      const loginId = refresh?.loginId ?? (await loginOfAccessToken(tokens, input.token));
      if (loginId !== null) await end(context, loginId);
    },
  });

  return { openSession, endSession, revokeToken, getHolder } satisfies Record<string, AnyOperation>;
}

/** Whom a credential stands for: a person where there is one, and their organization where they are in it. */
export type CredentialHolder = {
  id: string;
  orgId: string | null;
  person: User | null;
  organization: Organization | null;
};

const getHolder = operation({
  name: 'identity.person.get',
  summary: 'Who the person behind the credential is, and in which organization they work.',
  scope: 'authenticated',
  effect: 'read',
  rate: 'control',
  audit: null,
  transaction: 'system',
  async run({ tx, by: { kind, id, userId, orgId } }): Promise<CredentialHolder> {
    const person = kind === 'user' && userId !== null ? await findUserById(tx, userId) : null;
    const membership = person === null || orgId === null ? null : await findMembership(tx, person.id, orgId);
    return { id, orgId, person, organization: membership?.organization ?? null };
  },
});

/** A token that is not alive has nothing to revoke (RFC 7009, section 2.2). */
const loginOfAccessToken = async (tokens: Pick<AccessTokens, 'verify'>, token: string): Promise<string | null> =>
  tokens.verify(token).then(
    ({ loginId }) => loginId,
    () => null,
  );
