import { PasskeyAssertion } from '@assay/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError, toAppError } from '../../kernel/errors.ts';
import { type AuthenticationResponse, SecondFactorRequired, type SignedIn } from '../../modules/identity/index.ts';
import { readDeviceMark, setDeviceMark } from '../http/device-mark.ts';
import { refusalHeaders, setHeaders } from '../http/headers.ts';
import type { HttpCall } from '../http/http-call.ts';
import type { HttpKit } from '../http/kit.ts';
import { assertCanHoldSession, clearSessionCookie, setSessionCookie } from '../http/session-cookie.ts';
import type { Surface } from '../http/surface.ts';
import { anonymousFormToken, assertAnonymousForm, assertSessionForm } from './form-token.ts';
import { asPage } from './layout.ts';
import { nextPath } from './next-path.ts';
import { goTo, isSignedIn, type PageOperations } from './person.ts';
import { pageRoutes as routes } from './routes.ts';
import { renderSecondFactor, renderSignIn } from './sign-in-page.ts';

type Exchange = { request: FastifyRequest; reply: FastifyReply };

/** Signing in with a password, with its second factor, and out again. */
export function serveSignIn(surface: Surface, kit: HttpKit, of: PageOperations): void {
  const run = kit.operator.run.bind(kit.operator);

  /** Trades a sign-in for a session, which has a value that nobody has seen, and ends the one before it. */
  async function finish(signedIn: SignedIn, next: string | undefined, call: HttpCall, { reply }: Exchange) {
    const { cookie, seconds } = await run(of.openSession, call, { refreshToken: signedIn.refreshToken });
    if (isSignedIn(call)) await run(of.endSession, call, undefined);
    setSessionCookie(reply, cookie, seconds);
    setDeviceMark(reply, signedIn.deviceMark);
    return goTo(reply, nextPath(next));
  }

  surface.serve(routes.signIn, async ({ query }, call, { request, reply }) => {
    if (isSignedIn(call)) return goTo(reply, nextPath(query.next));
    assertCanHoldSession(request, kit.publicUrl);
    asPage(reply);
    return renderSignIn({ next: nextPath(query.next), formToken: anonymousFormToken(request, reply) });
  });

  surface.serve(routes.submitPassword, async ({ body }, call, exchange) => {
    const { request, reply } = exchange;
    assertCanHoldSession(request, kit.publicUrl);
    assertAnonymousForm(request, body.form_token);
    const { email, password } = body;
    const form = { next: nextPath(body.next), formToken: anonymousFormToken(request, reply) };
    try {
      const client = request.headers['user-agent'] ?? '';
      const signedIn = await run(of.login, call, { email, password, client, deviceMark: readDeviceMark(request) });
      return await finish(signedIn, body.next, call, exchange);
    } catch (thrown) {
      asPage(reply);
      if (thrown instanceof SecondFactorRequired) return renderSecondFactor({ ...form, mfaToken: thrown.mfaToken });
      const refusal = foreseen(thrown, reply);
      return reply.send(renderSignIn({ ...form, email, problem: refusal.message }));
    }
  });

  surface.serve(routes.submitCode, async ({ body }, call, exchange) => {
    const { request, reply } = exchange;
    assertAnonymousForm(request, body.form_token);
    const form = { next: nextPath(body.next), formToken: anonymousFormToken(request, reply) };
    try {
      const signedIn = await run(of.completeLogin, call, { mfaToken: body.mfa_token, code: body.code });
      return await finish(signedIn, body.next, call, exchange);
    } catch (thrown) {
      asPage(reply);
      const refusal = foreseen(thrown, reply);
      const isOver = refusal.code === 'login.challenge_ended';
      const { mfa_token: mfaToken } = body;
      const problem = refusal.message;
      return reply.send(
        isOver ? renderSignIn({ ...form, problem }) : renderSecondFactor({ ...form, mfaToken, problem }),
      );
    }
  });

  surface.serve(routes.submitPasskey, async ({ body }, call, exchange) => {
    const { request, reply } = exchange;
    assertCanHoldSession(request, kit.publicUrl);
    assertAnonymousForm(request, body.form_token);
    const form = { next: nextPath(body.next), formToken: anonymousFormToken(request, reply) };
    try {
      const client = request.headers['user-agent'] ?? '';
      const signedIn = await run(of.loginWithPasskey, call, { response: readAssertion(body.response), client });
      return await finish(signedIn, body.next, call, exchange);
    } catch (thrown) {
      asPage(reply);
      return reply.send(renderSignIn({ ...form, problem: foreseen(thrown, reply).message }));
    }
  });

  surface.serve(routes.signOut, async ({ body }, call, { request, reply }) => {
    if (isSignedIn(call)) {
      assertSessionForm(request, body.form_token);
      await run(of.endSession, call, undefined);
    }
    clearSessionCookie(reply);
    // Also what pages left behind in the browser.
    reply.header('clear-site-data', '"cache"');
    return goTo(reply, '/login');
  });
}

/** What the browser's authenticator said, as the page's script sends it. */
function readAssertion(text: string): AuthenticationResponse {
  const read = PasskeyAssertion.safeParse(parseJson(text));
  if (read.success) return read.data as AuthenticationResponse;
  throw new AppError(
    'unauthenticated',
    'login.failed',
    'The passkey was not understood. Try again, or use your password.',
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A refusal that the form itself shows, with its status on the answer; anything else goes on to be an error page. */
function foreseen(thrown: unknown, reply: FastifyReply): AppError {
  const refusal = toAppError(thrown);
  const status = { unauthenticated: 401, rate_limited: 429 }[refusal.kind as string];
  if (status === undefined) throw thrown;
  setHeaders(reply.code(status), refusalHeaders(refusal));
  // A form is not what that header is about, and browsers may answer it with a window of their own.
  reply.removeHeader('www-authenticate');
  return refusal;
}
