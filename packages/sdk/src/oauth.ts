import type { oauthRoutes } from '@assay/contract';
import { ApiError } from './api-error.ts';
import type { Caller } from './caller.ts';
import type { AnswerOf } from './contract-route.ts';
import { pause } from './retry.ts';
import type { CallOptions } from './transport.ts';

type Routes = typeof oauthRoutes;

/** What to show to the person who is to approve, and what to poll with. */
export type DeviceAuthorization = AnswerOf<Routes['authorizeDevice']>;
/** A pair of tokens. The refresh token works once: keep the new one each time. */
export type OAuthTokens = AnswerOf<Routes['token']>;

/** Whom a credential stands for, and the organization that it works in. */
export type CredentialHolder = AnswerOf<Routes['userInfo']>;

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
/** What every too early poll adds to the interval (RFC 8628, section 3.5). */
const SLOW_DOWN_MS = 5_000;

/** Signing in for a person: the device flow (RFC 8628), refreshing and revoking tokens. */
export class OAuth {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Begins to sign in a device.
   * @param of `clientId`: what the program calls itself; `scope`: what it asks for, everything when left out
   */
  authorizeDevice(
    of: { clientId: string; deviceName?: string | undefined; scope?: string | undefined },
    options?: CallOptions,
  ): Promise<DeviceAuthorization> {
    return this.#send<Routes['authorizeDevice']>(
      '/oauth/device_authorization',
      { client_id: of.clientId, device_name: of.deviceName, scope: of.scope },
      options,
    );
  }

  /**
   * Polls until the person has decided.
   * @throws ApiError with the code `access_denied` or `expired_token` when there will be no tokens
   */
  async waitForApproval(
    { device_code, interval }: Pick<DeviceAuthorization, 'device_code' | 'interval'>,
    { clientId }: { clientId: string },
    options?: CallOptions,
  ): Promise<OAuthTokens> {
    const form = { grant_type: DEVICE_GRANT, device_code, client_id: clientId };
    for (let between = interval * 1000; ; ) {
      await pause(between, options?.signal);
      try {
        return await this.#send<Routes['token']>('/oauth/token', form, options);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.code === 'slow_down') between += SLOW_DOWN_MS;
        else if (error.code !== 'authorization_pending') throw error;
      }
    }
  }

  /** Trades a refresh token for a new pair; the old one is spent, also when the answer is lost. */
  refresh(
    { refreshToken, clientId }: { refreshToken: string; clientId: string },
    options?: CallOptions,
  ): Promise<OAuthTokens> {
    const form = { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: clientId };
    // Sent twice it would count as stolen, and end the login.
    return this.#send<Routes['token']>('/oauth/token', form, { ...options, maxRetries: 0 });
  }

  /** Ends the login that a token belongs to. */
  async revoke(token: string, options?: CallOptions): Promise<void> {
    await this.#send<Routes['revoke']>('/oauth/revoke', { token }, options);
  }

  /** Who the person behind the credential is. A key stands for nobody: it has no name and no address. */
  userInfo(options?: CallOptions): Promise<CredentialHolder> {
    return this.#caller.call<Routes['userInfo']>({ method: 'GET', path: '/oauth/userinfo' }, options);
  }

  async #send<R extends Routes['authorizeDevice' | 'token' | 'revoke']>(
    path: R['path'],
    form: Record<string, string | undefined>,
    options?: CallOptions,
  ): Promise<AnswerOf<R>> {
    const { transport } = this.#caller;
    return (await transport.json({ method: 'POST', path, form }, options)) as AnswerOf<R>;
  }
}
