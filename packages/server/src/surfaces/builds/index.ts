import { buildsRoutes as routes } from '@assay/contract';
import type { FastifyInstance, FastifyReply } from 'fastify';
import {
  type AuthenticationResponse,
  loginErrors,
  type loginOperations,
  type passkeyOperations,
  type SignedIn,
  type TokenPair,
  type whoAmI,
} from '../../modules/identity/index.ts';
import { readDeviceMark, setDeviceMark } from '../http/device-mark.ts';
import type { HttpKit } from '../http/kit.ts';
import { Surface } from '../http/surface.ts';
import { renderError } from './render-error.ts';

export type BuildsSurface = {
  kit: HttpKit;
  operations: ReturnType<typeof loginOperations> & ReturnType<typeof passkeyOperations> & { whoAmI: typeof whoAmI };
};

/** evc-platform's API, as far as it is served: signing in. */
export function registerBuilds(scope: FastifyInstance, { kit, operations: of }: BuildsSurface): Surface {
  const surface = new Surface(scope, { name: 'builds', renderError, rate: 'control', kit });
  const run = kit.operator.run.bind(kit.operator);

  const answerWith = (reply: FastifyReply, signedIn: SignedIn) => {
    setDeviceMark(reply, signedIn.deviceMark);
    return encodePair(signedIn);
  };

  surface.serve(routes.login, async ({ body }, call, { request, reply }) => {
    const client = request.headers['user-agent'] ?? '';
    const attempt = { ...body, client, deviceMark: readDeviceMark(request) };
    return answerWith(reply, await run(of.login, call, attempt));
  });

  surface.serve(routes.completeLogin, async ({ body }, call, { reply }) =>
    answerWith(reply, await run(of.completeLogin, call, { mfaToken: body.mfa_token, code: body.code })),
  );

  surface.serve(routes.offerPasskeyLogin, async (_decoded, call) => ({
    options: await run(of.challengeForPasskey, call, undefined),
  }));

  surface.serve(routes.loginWithPasskey, async ({ body }, call, { request, reply }) => {
    const client = request.headers['user-agent'] ?? '';
    const response = body.response as AuthenticationResponse;
    return answerWith(reply, await run(of.loginWithPasskey, call, { response, client }));
  });

  surface.serve(routes.refresh, async ({ body }, call) => {
    const pair = await run(of.refresh, call, { refreshToken: body.refresh_token });
    if (pair === null)
      throw loginErrors.refresh_invalid(
        'The refresh token is not valid: unknown, used before, expired or signed out. Sign in again.',
      );
    return encodePair(pair);
  });

  surface.serve(routes.logout, async ({ body }, call) => {
    await run(of.logout, call, { refreshToken: body.refresh_token });
    return undefined;
  });

  surface.serve(routes.me, async (_decoded, call) => {
    const { id, orgId, role } = await run(of.whoAmI, call, undefined);
    return { user: { id, organization_id: orgId, role } };
  });
  return surface;
}

const encodePair = (pair: TokenPair) => ({
  access_token: pair.accessToken,
  token_type: 'Bearer',
  expires_in: pair.expiresInSeconds,
  refresh_token: pair.refreshToken,
});
