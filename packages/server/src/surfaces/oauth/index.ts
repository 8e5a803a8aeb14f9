import { oauthRoutes as routes } from '@assay/contract';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { defineErrors } from '../../kernel/errors.ts';
import {
  type deviceOperations,
  type loginOperations,
  pollRefusal,
  type sessionOperations,
  type TokenPair,
} from '../../modules/identity/index.ts';
import type { HttpCall } from '../http/http-call.ts';
import type { HttpKit } from '../http/kit.ts';
import { publicOrigin } from '../http/public-origin.ts';
import { Surface } from '../http/surface.ts';
import { type Discovery, serveDiscovery } from './discovery.ts';
import { DEVICE_GRANT } from './grants.ts';
import { renderError } from './render-error.ts';

export type OAuthSurface = {
  kit: HttpKit;
  discovery: Discovery;
  operations: ReturnType<typeof deviceOperations> &
    Pick<ReturnType<typeof loginOperations>, 'refresh'> &
    Pick<ReturnType<typeof sessionOperations>, 'revokeToken' | 'getHolder'>;
};

/** Below which paths OAuth's shape holds, unknown ones included. */
export const OAUTH_PREFIXES = ['/oauth', '/.well-known'];

const oauthErrors = defineErrors('oauth', {
  invalid_request: 'invalid',
  invalid_grant: 'invalid',
  unsupported_grant_type: 'invalid',
});

/** OAuth 2 for programs that act for a person: the device flow, refreshing, revocation, and where to find all of it. */
export function registerOAuth(scope: FastifyInstance, { kit, discovery, operations: of }: OAuthSurface): Surface {
  const surface = new Surface(scope, { name: 'oauth', renderError, rate: 'fleet', kit, bodies: 'form' });
  const run = kit.operator.run.bind(kit.operator);

  surface.serve(routes.authorizeDevice, async ({ body }, call, { request, reply }) => {
    const started = await run(of.startDevice, call, {
      clientId: body.client_id,
      deviceName: body.device_name ?? '',
      software: request.headers['user-agent'] ?? '',
      scopes: body.scope?.split(' ') ?? null,
    });
    const page = `${publicOrigin(request, kit.publicUrl)}/device`;
    keepNowhere(reply);
    return {
      device_code: started.deviceCode,
      user_code: started.userCode,
      verification_uri: page,
      verification_uri_complete: `${page}?user_code=${started.userCode}`,
      expires_in: started.expiresInSeconds,
      interval: started.intervalSeconds,
    };
  });

  async function byDeviceCode(
    call: HttpCall,
    {
      device_code: deviceCode,
      client_id: clientId,
    }: { device_code?: string | undefined; client_id?: string | undefined },
  ) {
    const polled = await run(of.pollDevice, call, {
      deviceCode: needed('device_code', deviceCode),
      clientId: needed('client_id', clientId),
    });
    if (polled.outcome === 'refused') throw pollRefusal(polled.reason);
    const scope = polled.scopes === null ? {} : { scope: polled.scopes.join(' ') };
    return { ...encodePair(polled.pair), ...scope };
  }

  async function byRefreshToken(
    call: HttpCall,
    {
      refresh_token: token,
      client_id: clientId,
    }: { refresh_token?: string | undefined; client_id?: string | undefined },
  ) {
    const refreshToken = needed('refresh_token', token);
    const pair = await run(of.refresh, call, { refreshToken, clientId: clientId ?? null });
    if (pair !== null) return encodePair(pair);
    throw oauthErrors.invalid_grant('The refresh token is unknown, used before, expired or signed out. Sign in again.');
  }

  surface.serve(routes.token, async ({ body }, call, { reply }) => {
    keepNowhere(reply);
    if (body.grant_type === DEVICE_GRANT) return byDeviceCode(call, body);
    if (body.grant_type === 'refresh_token') return byRefreshToken(call, body);
    throw oauthErrors.unsupported_grant_type(`The grant types here are ${DEVICE_GRANT} and refresh_token.`);
  });

  surface.serve(routes.revoke, async ({ body }, call) => {
    await run(of.revokeToken, call, { token: body.token });
    return {};
  });

  surface.serve(routes.userInfo, async (_decoded, call) => {
    const { id, orgId, person, organization } = await run(of.getHolder, call, undefined);
    return {
      sub: id,
      email: person?.email ?? null,
      name: person?.name ?? null,
      organization_id: orgId,
      organization_name: organization?.name ?? null,
    };
  });

  serveDiscovery(surface, kit, discovery);
  return surface;
}

function needed(name: string, value: string | undefined): string {
  if (value !== undefined) return value;
  throw oauthErrors.invalid_request(`The grant needs ${name}. Send it in the form.`);
}

/** Codes and tokens are in no cache (RFC 6749, section 5.1). */
const keepNowhere = (reply: FastifyReply): void => void reply.header('cache-control', 'no-store');

const encodePair = (pair: TokenPair) => ({
  access_token: pair.accessToken,
  token_type: 'Bearer',
  expires_in: pair.expiresInSeconds,
  refresh_token: pair.refreshToken,
});
