import { createHash, randomBytes } from 'node:crypto';
import { newId } from '../../../kernel/ids.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { findMemberships, findUserByEmail, findUserById, type User } from '../../tenancy/index.ts';
import { loginErrors } from '../errors.ts';
import { ACCESS_TOKEN_SECONDS, type AccessTokens } from '../tokens/access-tokens.ts';
import { spendVerification, verifyPassword } from './passwords.ts';
import * as store from './store.ts';

const REFRESH_TOKEN_SECONDS = 30 * 24 * 3600;

/** What a sign-in gives. `refreshToken` is `rt_` and 43 characters; it works once. */
export type TokenPair = {
  accessToken: string;
  refreshToken: string;
  expiresInSeconds: number;
  userId: string;
  orgId: string;
};

export type LoginOperationsOptions = {
  tokens: AccessTokens;
  /** Drops cached grants of the login at the commit, everywhere. */
  grantsChanged(tx: Context['tx']): void;
  /** Writes an audit leaf of an act whose organization was not known from the credential. */
  auditAs(context: Context, orgId: string, userId: string, action: string): void;
};

const hashToken = (token: string): Buffer => createHash('sha256').update(token).digest();

export function loginOperations({ tokens, grantsChanged, auditAs }: LoginOperationsOptions) {
  async function issue(context: Context, userId: string, familyId: string): Promise<TokenPair> {
    const [membership] = await findMemberships(context.tx, userId);
    if (!membership)
      throw loginErrors.failed('This account belongs to no organization. Ask an owner for an invitation.');
    const orgId = membership.organization.id;
    const refreshToken = `rt_${randomBytes(32).toString('base64url')}`;
    store.insertRefreshToken(context.tx, {
      id: newId(),
      familyId,
      userId,
      hash: hashToken(refreshToken),
      seconds: REFRESH_TOKEN_SECONDS,
    });
    const accessToken = await tokens.sign({ userId, orgId, familyId });
    return { accessToken, refreshToken, expiresInSeconds: ACCESS_TOKEN_SECONDS, userId, orgId };
  }

  const login = operation({
    name: 'identity.login.create',
    summary: 'Sign in with e-mail and password.',
    scope: 'public',
    effect: 'read',
    rate: 'login',
    audit: 'own',
    transaction: 'system',
    async run(context, input: { email: string; password: string }): Promise<TokenPair> {
      const user = await findUserByEmail(context.tx, input.email);
      if (!(await isPasswordOf(user, input.password)) || user === null) {
        throw loginErrors.failed('E-mail or password is wrong.');
      }
      const pair = await issue(context, user.id, newId());
      auditAs(context, pair.orgId, user.id, 'login.created');
      return pair;
    },
  });

  const refresh = operation({
    name: 'identity.login.refresh',
    summary: 'Trade a refresh token for a new pair. A refresh token used twice ends the login.',
    scope: 'public',
    effect: 'read',
    rate: 'login',
    audit: 'own',
    transaction: 'system',
    async run(context, input: { refreshToken: string }): Promise<TokenPair | null> {
      const token = await store.lockRefreshToken(context.tx, hashToken(input.refreshToken));
      if (!token || token.isRevoked || token.isExpired) return null;
      if (token.isUsed) {
        // Somebody else has this token too. Returning, not throwing, so that the revocation is committed.
        store.revokeTokenFamily(context.tx, token.familyId);
        grantsChanged(context.tx);
        return null;
      }
      if ((await findUserById(context.tx, token.userId))?.disabledAt !== null) return null;
      store.markRefreshTokenUsed(context.tx, token.id);
      return issue(context, token.userId, token.familyId);
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
      if (!token) return;
      store.revokeTokenFamily(context.tx, token.familyId);
      grantsChanged(context.tx);
      const [membership] = await findMemberships(context.tx, token.userId);
      if (membership) auditAs(context, membership.organization.id, token.userId, 'login.ended');
    },
  });

  return { login, refresh, logout } satisfies Record<string, AnyOperation>;
}

async function isPasswordOf(user: User | null, password: string): Promise<boolean> {
  if (!user?.passwordHash || user.disabledAt) return spendVerification(password);
  return verifyPassword(user.passwordHash, password);
}
