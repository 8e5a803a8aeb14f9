import type { FastifyInstance } from 'fastify';
import type { HttpKit } from '../http/kit.ts';
import { Surface } from '../http/surface.ts';
import { type AccountPageOperations, serveAccountPages } from './accounts.ts';
import { serveDevicePages } from './devices.ts';
import { renderFront } from './front-page.ts';
import { type InvitationPageOperations, serveInvitationPages } from './invitations.ts';
import { asPage } from './layout.ts';
import { signedInAs } from './person.ts';
import { renderError } from './render-error.ts';
import { pageRoutes as routes } from './routes.ts';
import { serveSignIn } from './sign-in.ts';
import { type SsoPageOperations, serveSingleSignOn } from './single-sign-on.ts';
import { serveStaticFiles } from './static-files.ts';

export type ConsoleSurface = {
  kit: HttpKit;
  operations: InvitationPageOperations & SsoPageOperations & AccountPageOperations;
};

/** Below which paths a page answers, unknown ones included. */
export const CONSOLE_PREFIXES = ['/login', '/logout', '/account', '/device', '/invitations', '/pages', '/oauth/sso'];

/** Pages for people: signing in and out, letting devices in. All of them work without a script. */
export function registerConsole(scope: FastifyInstance, { kit, operations }: ConsoleSurface): Surface {
  const surface = new Surface(scope, {
    name: 'console',
    renderError,
    rate: 'control',
    kit,
    bodies: 'form',
    isForBrowsers: true,
  });
  surface.serve(routes.front, async (_decoded, call, { request, reply }) => {
    asPage(reply);
    return renderFront(await signedInAs(request, call, kit, operations));
  });
  serveSignIn(surface, kit, operations);
  serveDevicePages(surface, kit, operations);
  serveSingleSignOn(surface, kit, operations);
  serveInvitationPages(surface, kit, operations);
  serveAccountPages(surface, kit, operations);
  serveStaticFiles(scope);
  return surface;
}
