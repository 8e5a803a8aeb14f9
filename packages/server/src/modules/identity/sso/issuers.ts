import * as client from 'openid-client';
import { AppError } from '../../../kernel/errors.ts';
import type { HttpClient } from '../../../platform/http-client/index.ts';
import { ssoErrors } from '../errors.ts';
import type { Claims, IdentityProvider } from './model.ts';

/** What is kept of a sign-in while its person is at the issuer. */
export type Secrets = { verifier: string; nonce: string; state: string; redirectUri: string };

/** Metadata and keys of an issuer are asked for anew after this. */
const CONFIGURATION_MS = 10 * 60_000;
const MOST_CONFIGURATIONS = 1_000;
const TIMEOUT_SECONDS = 10;

/** What went wrong between us and an issuer, in words that hold nothing of what was sent. */
export type IssuerFailure = { provider: string; issuer: string; reason: string };

type Known = { configuration: Promise<client.Configuration>; until: number };

/** Speaks OpenID Connect with issuers: authorization code with PKCE, state and nonce. */
export class Issuers {
  readonly #http: Pick<HttpClient, 'exchange'>;
  readonly #onFailure: (failure: IssuerFailure) => void;
  readonly #known = new Map<string, Known>();

  /** @param onFailure for the operator: whoever signs in is not told what is wrong with the set-up */
  constructor(http: Pick<HttpClient, 'exchange'>, onFailure: (failure: IssuerFailure) => void) {
    this.#http = http;
    this.#onFailure = onFailure;
  }

  /** Where to send somebody, and what to expect back. */
  async begin(
    provider: IdentityProvider,
    { secret, redirectUri, loginHint }: { secret: string | null; redirectUri: string; loginHint: string | null },
  ): Promise<{ url: string; secrets: Secrets }> {
    const configuration = await this.#configurationOf(provider, secret);
    const secrets: Secrets = {
      verifier: client.randomPKCECodeVerifier(),
      nonce: client.randomNonce(),
      state: client.randomState(),
      redirectUri,
    };
    const url = client.buildAuthorizationUrl(configuration, {
      redirect_uri: redirectUri,
      scope: provider.scopes.join(' '),
      code_challenge: await client.calculatePKCECodeChallenge(secrets.verifier),
      code_challenge_method: 'S256',
      state: secrets.state,
      nonce: secrets.nonce,
      ...(loginHint === null ? {} : { login_hint: loginHint }),
    });
    return { url: url.href, secrets };
  }

  /**
   * Trades what the issuer sent back for what it says of the person.
   * @throws AppError `unauthenticated` for anything that is not its answer to this very request
   */
  async finish(
    provider: IdentityProvider,
    { secret, secrets, query }: { secret: string | null; secrets: Secrets; query: string },
  ): Promise<Claims> {
    const configuration = await this.#configurationOf(provider, secret);
    try {
      const tokens = await client.authorizationCodeGrant(configuration, new URL(`${secrets.redirectUri}?${query}`), {
        pkceCodeVerifier: secrets.verifier,
        expectedState: secrets.state,
        expectedNonce: secrets.nonce,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (!claims) throw ssoErrors.failed('The issuer sent no identity token.');
      // Some issuers say who somebody is, and the rest only when asked.
      const needed = ['email', ...(provider.roleClaim === null ? [] : [provider.roleClaim])];
      const isIncomplete = needed.some((name) => claims[name] === undefined);
      const more =
        isIncomplete && configuration.serverMetadata().userinfo_endpoint !== undefined
          ? await client.fetchUserInfo(configuration, tokens.access_token, claims.sub)
          : {};
      return claimsFrom({ ...more, ...claims });
    } catch (thrown) {
      throw this.#refusalOf(provider, thrown);
    }
  }

  /** A refusal of ours stays what it is, however deep the library has wrapped it; all else is a sign-in that failed. */
  #refusalOf({ id, issuer }: IdentityProvider, thrown: unknown): AppError {
    this.#onFailure({ provider: id, issuer, reason: reasonOf(thrown) });
    for (let cause = thrown; cause instanceof Error; cause = cause.cause) if (cause instanceof AppError) return cause;
    return ssoErrors.failed('The issuer did not confirm the sign-in. Begin again.', { cause: thrown });
  }

  #configurationOf(provider: IdentityProvider, secret: string | null): Promise<client.Configuration> {
    const name = `${provider.id}:${provider.version}`;
    const known = this.#known.get(name);
    if (known && known.until > Date.now()) return known.configuration;
    if (this.#known.size >= MOST_CONFIGURATIONS) this.#known.clear();
    const configuration = this.#discover(provider, secret).catch((thrown) => {
      this.#known.delete(name);
      throw this.#refusalOf(provider, thrown);
    });
    this.#known.set(name, { configuration, until: Date.now() + CONFIGURATION_MS });
    return configuration;
  }

  async #discover({ issuer, clientId }: IdentityProvider, secret: string | null): Promise<client.Configuration> {
    // Plain HTTP reaches only what an operator has opened: the client behind `fetch` judges every address.
    const isPlain = issuer.startsWith('http:');
    const options = {
      [client.customFetch]: this.#fetch,
      timeout: TIMEOUT_SECONDS,
      execute: isPlain ? [client.allowInsecureRequests] : [],
    };
    const found = await client.discovery(new URL(issuer), clientId, undefined, client.None(), options);
    const metadata = found.serverMetadata();
    const configuration = new client.Configuration(metadata, clientId, {}, clientAuthOf(metadata, secret));
    configuration[client.customFetch] = this.#fetch;
    configuration.timeout = TIMEOUT_SECONDS;
    if (isPlain) client.allowInsecureRequests(configuration);
    return configuration;
  }

  readonly #fetch: client.CustomFetch = async (url, { method, headers, body }) => {
    const {
      status,
      headers: answered,
      body: content,
    } = await this.#http.exchange(url, {
      method: method as 'GET' | 'POST',
      headers: headers as Record<string, string>,
      ...(body === undefined || body === null ? {} : { body: String(body) }),
    });
    const type = answered['content-type'];
    return new Response(content.length === 0 ? null : new Uint8Array(content), {
      status,
      headers: typeof type === 'string' ? { 'content-type': type } : {},
    });
  };
}

/** By the method that OpenID Connect takes for granted, unless the issuer does not know it. */
function clientAuthOf(metadata: client.ServerMetadata, secret: string | null): client.ClientAuth {
  if (secret === null) return client.None();
  const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  return methods.includes('client_secret_basic') ? client.ClientSecretBasic(secret) : client.ClientSecretPost(secret);
}

function claimsFrom(all: Record<string, unknown>): Claims {
  const text = (name: string): string | null => (typeof all[name] === 'string' ? (all[name] as string) : null);
  return {
    subject: String(all['sub']),
    email: text('email')?.toLowerCase() ?? null,
    isEmailVerified: all['email_verified'] === true,
    name: text('name') ?? text('preferred_username'),
    all,
  };
}

/** The library's own word for a fault, and the issuer's if it gave one (RFC 6749, section 5.2). */
function reasonOf(thrown: unknown): string {
  const { code, error } = thrown as { code?: unknown; error?: unknown };
  const words = [code, error].filter((word) => typeof word === 'string');
  return words.length > 0 ? words.join(': ') : thrown instanceof Error ? thrown.name : 'unknown';
}
