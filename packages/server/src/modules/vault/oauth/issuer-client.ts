import { importPKCS8, SignJWT } from 'jose';
import * as oauth from 'openid-client';
import { AppError } from '../../../kernel/errors.ts';
import { newId } from '../../../kernel/ids.ts';
import type { HttpClient } from '../../../platform/http-client/index.ts';
import type { Credential, CredentialConfig, CredentialSecret } from '../credentials/model.ts';
import { algorithmOf, privateKeyOf } from '../credentials/rules.ts';
import { type IssuerFailure, IssuerRefusal, type MintedToken } from './model.ts';

/** A credential with what is secret of it, opened for the length of one exchange. */
export type OpenedCredential = Pick<Credential, 'kind' | 'scopes' | 'config'> & { secret: CredentialSecret };

const TIMEOUT_SECONDS = 10;
const ASSERTION_SECONDS = 300;
/** What can stand in a header, and is not so long that servers refuse the request for it. */
const SENDABLE = /^[\x21-\x7e]{1,16384}$/;
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** Talks to issuers of tokens: OAuth 2.0 (RFC 6749), JWT bearer grants and client assertions (RFC 7523), PKCE (RFC 7636). */
export class IssuerClient {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /**
   * Gets a token without anybody's help; `subject` is on whose behalf, for the kind that says one.
   * @throws IssuerRefusal
   */
  async mint(credential: OpenedCredential, subject: string): Promise<MintedToken> {
    return this.#minting(async () => {
      const configuration = await this.#configure(credential);
      const parameters = parametersOf(credential);
      switch (credential.kind) {
        case 'oauth2_client_credentials':
        case 'oauth2_client_assertion':
          return oauth.clientCredentialsGrant(configuration, parameters);
        case 'oauth2_authorization_code':
          // Without scopes it is for those that were granted, which may be fewer than were asked for (RFC 6749, section 6).
          return oauth.refreshTokenGrant(configuration, credential.secret.refresh_token ?? '', resourceOf(credential));
        default: {
          const assertion = await signAssertion(credential, subject, configuration.serverMetadata());
          return oauth.genericGrantRequest(configuration, JWT_BEARER, { ...parameters, assertion });
        }
      }
    });
  }

  /** The address at which a person lets the credential in. */
  async authorizationUrl(
    credential: OpenedCredential,
    { redirectUri, state, verifier }: { redirectUri: string; state: string; verifier: string },
  ): Promise<URL> {
    return this.#asking(async () =>
      oauth.buildAuthorizationUrl(await this.#configure(credential), {
        ...parametersOf(credential),
        redirect_uri: redirectUri,
        state,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      }),
    );
  }

  /**
   * Redeems the code that a person came back with.
   * @param came the address that the person was sent back to, with all that the issuer added
   */
  async redeem(
    credential: OpenedCredential,
    came: URL,
    checks: { state: string; verifier: string },
  ): Promise<MintedToken> {
    return this.#minting(async () => {
      const configuration = await this.#configure(credential);
      const url = new URL(came);
      // Without an issuer whose name we know there is nothing to compare the one in the address with.
      if (credential.config.issuer === undefined) url.searchParams.delete('iss');
      return oauth.authorizationCodeGrant(configuration, url, {
        expectedState: checks.state,
        pkceCodeVerifier: checks.verifier,
      });
    });
  }

  async #asking<Result>(exchange: () => Promise<Result>): Promise<Result> {
    const outcome = await exchange().then(
      (given) => ({ given }),
      (error: unknown) => ({ failure: failureOf(error) }),
    );
    if ('failure' in outcome) throw new IssuerRefusal(outcome.failure);
    return outcome.given;
  }

  async #minting(exchange: () => Promise<MintedToken>): Promise<MintedToken> {
    const minted = await this.#asking(exchange);
    if (!SENDABLE.test(minted.access_token)) throw new IssuerRefusal({ word: 'unusable_answer', isFinal: false });
    return minted;
  }

  async #configure(credential: OpenedCredential): Promise<oauth.Configuration> {
    const { config } = credential;
    const auth = await clientAuthOf(credential);
    const clientId = config.client_id ?? 'assay';
    const { issuer, token_endpoint: token = '', authorization_endpoint: authorization } = config;
    const isPlain = (issuer ?? token).startsWith('http:');
    if (issuer !== undefined) {
      return oauth.discovery(new URL(issuer), clientId, undefined, auth, {
        [oauth.customFetch]: this.#fetch,
        timeout: TIMEOUT_SECONDS,
        // Without TLS only networks are reached that the operator opened: the client behind `fetch` sees to it.
        execute: isPlain ? [oauth.allowInsecureRequests] : [],
      });
    }
    const metadata = {
      issuer: new URL(token).origin,
      token_endpoint: token,
      ...(authorization === undefined ? {} : { authorization_endpoint: authorization }),
    };
    const configuration = new oauth.Configuration(metadata, clientId, undefined, auth);
    configuration[oauth.customFetch] = this.#fetch;
    configuration.timeout = TIMEOUT_SECONDS;
    if (isPlain) oauth.allowInsecureRequests(configuration);
    return configuration;
  }

  readonly #fetch: oauth.CustomFetch = async (url, { method, headers, body }) => {
    const answer = await this.#http.exchange(url, {
      method: method as 'GET' | 'POST',
      headers: headers as Record<string, string>,
      ...(body === undefined || body === null ? {} : { body: String(body) }),
    });
    const shown = new Headers();
    for (const name of ['content-type', 'www-authenticate']) {
      const value = answer.headers[name];
      if (typeof value === 'string') shown.set(name, value);
    }
    const content = answer.body.length === 0 ? null : new Uint8Array(withoutIdToken(answer.body));
    return new Response(content, { status: answer.status, headers: shown });
  };
}

/** Tokens are for calling others; who the person is to the issuer is none of our business, so it is not looked at. */
function withoutIdToken(body: Buffer): Buffer {
  if (!body.includes('"id_token"')) return body;
  try {
    const { id_token: _ignored, ...rest } = JSON.parse(body.toString()) as Record<string, unknown>;
    return Buffer.from(JSON.stringify(rest));
  } catch {
    return body;
  }
}

/** Kinds whose audience goes to the issuer; with the others it is that of the assertion. */
const AIMED: ReadonlySet<string> = new Set(['oauth2_client_credentials', 'oauth2_authorization_code']);

function parametersOf({ kind, scopes, config }: OpenedCredential): Record<string, string> {
  const { audience } = config;
  return {
    ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
    ...(audience !== undefined && AIMED.has(kind) ? { audience } : {}),
    ...resourceOf({ config }),
  };
}

/** What a token is for (RFC 8707). */
const resourceOf = ({ config: { resource } }: Pick<OpenedCredential, 'config'>): Record<string, string> =>
  resource === undefined ? {} : { resource };

async function clientAuthOf({ kind, config, secret }: OpenedCredential): Promise<oauth.ClientAuth> {
  if (kind === 'oauth2_client_assertion') {
    const key = await signingKeyOf(config, secret);
    const { key_id: kid, audience } = config;
    return oauth.PrivateKeyJwt(kid === undefined ? key : { key, kid }, {
      [oauth.modifyAssertion](_header, payload) {
        if (audience !== undefined) payload['aud'] = audience;
      },
    });
  }
  const { client_secret: clientSecret } = secret;
  if (clientSecret !== undefined && config.client_auth !== 'none')
    return config.client_auth === 'post' ? oauth.ClientSecretPost(clientSecret) : oauth.ClientSecretBasic(clientSecret);
  // A grant that proves itself needs no client; one without an id is not made up for the issuer.
  return config.client_id === undefined ? () => {} : oauth.None();
}

async function signingKeyOf(config: CredentialConfig, secret: CredentialSecret) {
  const pem = privateKeyOf(secret).export({ type: 'pkcs8', format: 'pem' }).toString();
  return importPKCS8(pem, algorithmOf(config, secret) ?? 'RS256') as Promise<oauth.CryptoKey>;
}

/** The assertion of a JWT bearer grant (RFC 7523, section 3); `scope` in it is what Google reads. */
async function signAssertion(
  { kind, config, secret, scopes }: OpenedCredential,
  subject: string,
  server: oauth.ServerMetadata,
): Promise<string> {
  const claims = scopes.length === 0 ? {} : { scope: scopes.join(' ') };
  const header = { alg: algorithmOf(config, secret) ?? 'RS256', typ: 'JWT' };
  const jwt = new SignJWT(claims)
    .setProtectedHeader(config.key_id === undefined ? header : { ...header, kid: config.key_id })
    .setIssuer(config.assertion_issuer ?? '')
    .setAudience(config.audience ?? server.token_endpoint ?? '')
    .setJti(newId())
    .setIssuedAt()
    .setExpirationTime(`${ASSERTION_SECONDS}s`);
  if (kind === 'oauth2_jwt_bearer_with_subject') jwt.setSubject(subject);
  return jwt.sign(await signingKeyOf(config, secret));
}

/** Errors of token endpoints are words of this form; anything else in their place is not passed on. */
const WORD = /^[a-z_]{1,40}$/;
const PASSING: ReadonlySet<string> = new Set(['temporarily_unavailable', 'server_error', 'slow_down']);

function failureOf(error: unknown): IssuerFailure {
  if (error instanceof oauth.ResponseBodyError) {
    const word = WORD.test(error.error) ? error.error : 'unreadable_error';
    return { word, isFinal: error.status < 500 && error.status !== 429 && !PASSING.has(word) };
  }
  if (error instanceof oauth.AuthorizationResponseError)
    return { word: WORD.test(error.error) ? error.error : 'unreadable_error', isFinal: true };
  if (error instanceof oauth.WWWAuthenticateChallengeError) return { word: 'invalid_client', isFinal: true };
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof AppError && cause.code.startsWith('destination.'))
      return { word: cause.code.replace('.', '_'), isFinal: cause.kind === 'invalid' };
  }
  return { word: 'unusable_answer', isFinal: false };
}
