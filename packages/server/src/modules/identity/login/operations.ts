import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { findMembership } from '../../tenancy/index.ts';
import { ACCESS_TOKEN_SECONDS } from '../tokens/access-tokens.ts';
import { hashToken, type Logins, type TokenPair } from './logins.ts';
import { DEVICE_TOKEN_SECONDS, type Login, REFRESH_TOKEN_SECONDS } from './model.ts';
import type { PasswordAttempt, SignedIn, SignIn } from './sign-in.ts';
import * as store from './store.ts';

export type LoginOperationsOptions = {
  logins: Logins;
  signIn: Pick<SignIn, 'withPassword' | 'withSecondFactor'>;
  /** Drops cached grants of the login at the commit, everywhere. */
  grantsChanged(tx: Context['tx']): void;
  /** Writes an audit leaf of an act whose organization was not known from the credential. */
  auditAs(context: Context, orgId: string, userId: string, action: string): void;
};

export function loginOperations({ logins, signIn, grantsChanged, auditAs }: LoginOperationsOptions) {
  const login = operation({
    name: 'identity.login.create',
    summary: 'Sign in with e-mail and password. Who has a second factor is asked for it.',
    scope: 'public',
    effect: 'read',
    // Counted by the throttle: a bound on the address alone would let neighbours lock each other out.
    rate: 'included',
    audit: 'own',
    transaction: 'none',
    run: ({ call }, input: PasswordAttempt): Promise<SignedIn> => signIn.withPassword(call, input),
  });

  const completeLogin = operation({
    name: 'identity.login.complete',
    summary: 'Finish signing in with a code of the authenticator app, or a recovery code.',
    scope: 'public',
    effect: 'read',
    // Counted by the throttle: a bound on the address alone would let neighbours lock each other out.
    rate: 'included',
    audit: 'own',
    transaction: 'none',
    run: ({ call }, input: { mfaToken: string; code: string }): Promise<SignedIn> =>
      signIn.withSecondFactor(call, input),
  });

  const refresh = operation({
    name: 'identity.login.refresh',
    summary: 'Trade a refresh token for a new pair. A refresh token used twice ends the login.',
    scope: 'public',
    effect: 'read',
    rate: 'login',
    audit: 'own',
    transaction: 'system',
    async run(context, input: { refreshToken: string; clientId?: string | null }): Promise<TokenPair | null> {
      const token = await store.lockRefreshToken(context.tx, hashToken(input.refreshToken));
      if (!token || token.isRevoked || token.isExpired) return null;
      if (token.isUsed) {
        // Somebody else has this token too. Returning, not throwing, so that the revocation is committed.
        store.revokeLogin(context.tx, token.loginId);
        grantsChanged(context.tx);
        return null;
      }
      const living = await store.findLogin(context.tx, token.loginId);
      if (!living || !isFor(living, input.clientId ?? null)) return null;
      store.markRefreshTokenUsed(context.tx, token.id);
      store.prolongLogin(context.tx, living.id, REFRESH_TOKEN_SECONDS);
      const isStillIn =
        living.orgId !== null && (await findMembership(context.tx, living.userId, living.orgId)) !== null;
      const orgId = isStillIn ? living.orgId : null;
      const of = { loginId: living.id, userId: living.userId, orgId };
      return logins.issueTokens(context.tx, of, accessSecondsOf(living));
    },
  });

  const logout = operation({
    name: 'identity.login.end',
    summary: 'Sign out: ends the login that a refresh token belongs to.',
    scope: 'public',
    effect: 'wind_down',
    rate: 'login',
    audit: 'own',
    transaction: 'system',
    async run(context, input: { refreshToken: string }): Promise<void> {
      const token = await store.lockRefreshToken(context.tx, hashToken(input.refreshToken));
      if (!token || token.isRevoked) return;
      const living = await store.findLogin(context.tx, token.loginId);
      store.revokeLogin(context.tx, token.loginId);
      grantsChanged(context.tx);
      if (living?.orgId) auditAs(context, living.orgId, token.userId, 'login.ended');
    },
  });

  return { login, completeLogin, refresh, logout } satisfies Record<string, AnyOperation>;
}

/** A refresh token is of use only to the client that it was given to. */
const isFor = ({ clientId }: Login, presenter: string | null): boolean =>
  presenter === null || clientId === null || clientId === presenter;

const accessSecondsOf = ({ method }: Login): number =>
  method === 'device' ? DEVICE_TOKEN_SECONDS : ACCESS_TOKEN_SECONDS;
