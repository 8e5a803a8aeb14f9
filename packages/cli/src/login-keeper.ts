import { EXIT_CODES } from '@assay/contract/exit-codes';
import type { OAuthTokens } from '@assay/sdk';
import type { Cli } from './cli.ts';
import { CliError } from './cli-error.ts';
import { isSameServer } from './credentials.ts';
import { type Secret, SecretsFile } from './secrets.ts';

/** What this program calls itself to servers. */
export const CLIENT_ID = 'assay-cli';

/** A token that ends within this is renewed first: it must outlast the request. Milliseconds. */
const MARGIN_MS = 60_000;

/** What is kept of an answer with tokens. */
export const secretOf = (url: string, tokens: OAuthTokens): Secret => ({
  url,
  access_token: tokens.access_token,
  refresh_token: tokens.refresh_token,
  expires_at: new Date(Date.now() + tokens.expires_in * 1000).toISOString(),
});

/**
 * Keeps the access token of a login alive. Of several commands at once one spends the refresh token, which works once,
 * and the others use what it got.
 */
export class LoginKeeper {
  readonly #url: string;
  readonly #profile: string;
  readonly #file: SecretsFile;
  readonly #signal: AbortSignal;
  #secret: Secret;

  constructor({ environment, signal }: Cli, of: { url: string; profile: string; secret: Secret }) {
    this.#url = of.url;
    this.#profile = of.profile;
    this.#secret = of.secret;
    this.#file = new SecretsFile(environment.configDir);
    this.#signal = signal;
  }

  /** @throws CliError when the login has ended */
  async accessToken(): Promise<string> {
    const { access_token: token } = this.#secret;
    if (token !== undefined && !isEnding(this.#secret)) return token;
    const renewed = await this.#file.update(this.#profile, this.#signal, async (stored) => {
      const isOurs = stored?.refresh_token !== undefined && isSameServer(stored.url ?? this.#url, this.#url);
      if (!stored || !isOurs) throw signedOut(this.#profile);
      return isEnding(stored) ? secretOf(this.#url, await this.#refresh(stored.refresh_token ?? '')) : stored;
    });
    this.#secret = renewed ?? {};
    return renewed?.access_token ?? '';
  }

  async #refresh(refreshToken: string): Promise<OAuthTokens> {
    const { ApiError, Assay } = await import('@assay/sdk');
    const { oauth } = new Assay({ baseUrl: this.#url });
    try {
      // Not given up halfway: a token that is spent and whose successor is lost ends the login.
      return await oauth.refresh({ refreshToken, clientId: CLIENT_ID });
    } catch (error) {
      if (error instanceof ApiError && error.code === 'invalid_grant') throw signedOut(this.#profile, error);
      throw error;
    }
  }
}

const isEnding = ({ expires_at: end = '' }: Secret): boolean => !(Date.parse(end) - Date.now() > MARGIN_MS);

const signedOut = (profile: string, cause?: unknown): CliError =>
  new CliError(`The login of profile "${profile}" has ended.`, {
    code: 'signed_out',
    exit: EXIT_CODES.unauthenticated,
    hint: 'Sign in again: assay login',
    cause,
  });
