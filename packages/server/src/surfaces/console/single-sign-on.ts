import { route } from '@assay/contract';
import { z } from 'zod';
import { AppError } from '../../kernel/errors.ts';
import { ATTEMPT_SECONDS, type sessionOperations, type ssoOperations } from '../../modules/identity/index.ts';
import { setDeviceMark } from '../http/device-mark.ts';
import type { HttpKit } from '../http/kit.ts';
import { publicOrigin } from '../http/public-origin.ts';
import { assertCanHoldSession, readCookies, setCookie, setSessionCookie } from '../http/session-cookie.ts';
import type { Surface } from '../http/surface.ts';
import { html } from './html.ts';
import { asPage, renderPage } from './layout.ts';
import { nextPath } from './next-path.ts';
import { goTo, isSignedIn } from './person.ts';

export type SsoPageOperations = ReturnType<typeof ssoOperations> &
  Pick<ReturnType<typeof sessionOperations>, 'openSession' | 'endSession'>;

/** Holds a sign-in to the browser that it began in. */
const COOKIE = 'wos_sso';
const CALLBACK = '/oauth/sso/callback';

const answers = { 200: { description: 'On the way.', otherMedia: ['text/html'] } } as const;

const routes = {
  start: route({
    surface: 'console',
    method: 'GET',
    path: '/oauth/sso/start',
    operation: 'identity.login.start_sso',
    summary: 'Sign in at the issuer of an organization',
    query: z.object({
      organization: z.string().trim().max(100).optional(),
      email: z.string().trim().max(254).optional(),
      next: z.string().max(2000).optional(),
    }),
    answers,
    isPublic: true,
  }),
  callback: route({
    surface: 'console',
    method: 'GET',
    path: CALLBACK,
    operation: 'identity.login.complete_sso',
    summary: 'Come back from the issuer',
    // Issuers add what they like; the library that speaks with them judges it.
    query: z.looseObject({ state: z.string().max(500).default('') }),
    answers,
    isPublic: true,
  }),
};

const renderLeaving = (url: string): string =>
  renderPage({
    title: 'Sign in at your organization',
    content: html`<h1>Sign in at your organization</h1>
<p role="status">You are on the way to ${new URL(url).host}.</p>
<p><a href="${url}">Go on</a></p>`,
  });

/** Single sign-on in a browser: there and back again. */
export function serveSingleSignOn(surface: Surface, kit: HttpKit, of: SsoPageOperations): void {
  const run = kit.operator.run.bind(kit.operator);

  surface.serve(routes.start, async ({ query }, call, { request, reply }) => {
    assertCanHoldSession(request, kit.publicUrl);
    const { organization, email } = query;
    if ((organization === undefined) === (email === undefined)) {
      throw new AppError('invalid', 'sso.wish', 'Say `organization` or `email`, one of the two.');
    }
    const { url, browser } = await run(of.startSso, call, {
      wish: organization === undefined ? { email: email ?? '' } : { organization },
      redirectUri: publicOrigin(request, kit.publicUrl) + CALLBACK,
      returnTo: nextPath(query.next),
      client: request.headers['user-agent'] ?? '',
    });
    setCookie(reply, { name: COOKIE, value: browser, seconds: ATTEMPT_SECONDS });
    // Not a redirect: browsers hold those of a form to `form-action`, and this one leaves the site on purpose.
    asPage(reply);
    reply.header('refresh', `0;url=${url}`);
    return renderLeaving(url);
  });

  surface.serve(routes.callback, async ({ query }, call, { request, reply }) => {
    const [browser = null] = readCookies(request.headers.cookie ?? '', COOKIE);
    const sent = request.url.slice(request.url.indexOf('?') + 1);
    const { signedIn, returnTo } = await run(of.completeSso, call, { state: query.state, query: sent, browser });
    // A value nobody has seen before, and the session before it ends: none can be planted.
    const { cookie, seconds } = await run(of.openSession, call, { refreshToken: signedIn.refreshToken });
    if (isSignedIn(call)) await run(of.endSession, call, undefined);
    setCookie(reply, { name: COOKIE, value: '', seconds: 0 });
    setSessionCookie(reply, cookie, seconds);
    setDeviceMark(reply, signedIn.deviceMark);
    return goTo(reply, returnTo);
  });
}
