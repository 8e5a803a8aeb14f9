import { createHash, randomBytes } from 'node:crypto';
import { newId } from '../../../kernel/ids.ts';
import type { Tx } from '../../../platform/db/index.ts';
import type { Call } from '../../../platform/operation.ts';
import { findMemberships } from '../../tenancy/index.ts';
import { ACCESS_TOKEN_SECONDS, type AccessTokens } from '../tokens/access-tokens.ts';
import { type LoginMethod, REFRESH_TOKEN_SECONDS, SESSION_SECONDS } from './model.ts';
import * as store from './store.ts';

/** What a sign-in gives a program. `refreshToken` is `rt_` and 43 characters; it works once. */
export type TokenPair = {
  accessToken: string;
  refreshToken: string;
  expiresInSeconds: number;
  userId: string;
  /** The organization that the access token stands for; null for a person who belongs to none. */
  orgId: string | null;
};

/** What a sign-in gives a browser: the value of its cookie, `ws_` and 43 characters. */
export type BrowserSession = { cookie: string; seconds: number; userId: string; orgId: string | null };

export type NewSignIn = {
  userId: string;
  method: LoginMethod;
  /** What signs in, as it names itself; cut to what a list can show. */
  client: string;
  /** The organization to stand for; the person's oldest membership unless given. */
  orgId?: string | null;
  /** What the login is limited to; all that the person may do unless given. */
  scopes?: readonly string[] | null;
  /** The OAuth client that it is for, if one. */
  clientId?: string | null;
};

export const hashToken = (token: string): Buffer => createHash('sha256').update(token).digest();

const newToken = (prefix: string): string => `${prefix}_${randomBytes(32).toString('base64url')}`;

/** What a browser's cookie holds: `ws_` and 43 characters. */
export const newSessionCookie = (): string => newToken('ws');

const CLIENT_CHARACTERS = 200;

/** Opens logins, however somebody proved who they are, and gives out what they are used by. */
export class Logins {
  readonly #tokens: AccessTokens;

  constructor(tokens: AccessTokens) {
    this.#tokens = tokens;
  }

  /** Opens a login for a program: an access token and a refresh token. */
  async openTokens(
    tx: Tx,
    signIn: NewSignIn,
    { call, accessSeconds = ACCESS_TOKEN_SECONDS }: { call: Call; accessSeconds?: number },
  ): Promise<TokenPair> {
    const login = await this.#open(tx, signIn, { call, sessionHash: null, seconds: REFRESH_TOKEN_SECONDS });
    return this.issueTokens(tx, login, accessSeconds);
  }

  /** Opens a login for a browser: a session that its cookie carries. */
  async openSession(tx: Tx, signIn: NewSignIn, call: Call): Promise<BrowserSession> {
    const cookie = newSessionCookie();
    const how = { call, sessionHash: hashToken(cookie), seconds: SESSION_SECONDS };
    const { userId, orgId } = await this.#open(tx, signIn, how);
    return { cookie, seconds: SESSION_SECONDS, userId, orgId };
  }

  /** Gives a login that exists a new pair of tokens. */
  async issueTokens(
    tx: Tx,
    { loginId, userId, orgId }: { loginId: string; userId: string; orgId: string | null },
    accessSeconds = ACCESS_TOKEN_SECONDS,
  ): Promise<TokenPair> {
    const refreshToken = newToken('rt');
    const hash = hashToken(refreshToken);
    store.insertRefreshToken(tx, { id: newId(), loginId, hash, seconds: REFRESH_TOKEN_SECONDS });
    const accessToken = await this.#tokens.sign({ userId, orgId, loginId }, accessSeconds);
    return { accessToken, refreshToken, expiresInSeconds: accessSeconds, userId, orgId };
  }

  async #open(
    tx: Tx,
    { userId, method, client, orgId: asked, scopes = null, clientId = null }: NewSignIn,
    { call, sessionHash, seconds }: { call: Call; sessionHash: Buffer | null; seconds: number },
  ): Promise<{ loginId: string; userId: string; orgId: string | null }> {
    const orgId = asked ?? (await findMemberships(tx, userId))[0]?.organization.id ?? null;
    const loginId = newId();
    store.insertLogin(tx, {
      id: loginId,
      userId,
      orgId,
      method,
      client: client.slice(0, CLIENT_CHARACTERS),
      address: call.address,
      sessionHash,
      seconds,
      scopes,
      clientId,
    });
    return { loginId, userId, orgId };
  }
}
