import { route } from '@assay/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { toAppError } from '../../kernel/errors.ts';
import type { tenancyOperations } from '../../modules/tenancy/index.ts';
import type { HttpCall } from '../http/http-call.ts';
import type { HttpKit } from '../http/kit.ts';
import { assertCanHoldSession, setSessionCookie } from '../http/session-cookie.ts';
import type { Surface } from '../http/surface.ts';
import { anonymousFormToken, assertAnonymousForm, assertSessionForm } from './form-token.ts';
import { renderDeclined, renderInvitation } from './invitation-page.ts';
import { asPage } from './layout.ts';
import { goTo, isSignedIn, type PageOperations, signedInAs } from './person.ts';

export type InvitationPageOperations = PageOperations &
  Pick<ReturnType<typeof tenancyOperations>, 'viewInvitation' | 'acceptInvitation' | 'declineInvitation'>;

const params = z.object({ id: z.string().max(64) });
const page = { description: 'A page.', otherMedia: ['text/html'] } as const;

const routes = {
  show: route({
    surface: 'console',
    method: 'GET',
    path: '/invitations/{id}',
    operation: 'tenancy.invitation.view',
    summary: 'Where the link of an invitation leads',
    params,
    query: z.object({ token: z.string().max(100).default('') }),
    answers: { 200: page },
    isPublic: true,
  }),
  answer: route({
    surface: 'console',
    method: 'POST',
    path: '/invitations/{id}',
    operation: 'tenancy.invitation.accept',
    summary: 'Accept or decline an invitation',
    params,
    body: z.object({
      answer: z.enum(['accept', 'decline']),
      token: z.string().max(100).default(''),
      name: z.string().trim().max(100).optional(),
      password: z.string().max(1024).optional(),
      form_token: z.string().max(100).default(''),
    }),
    answers: { 200: page },
    isPublic: true,
  }),
};

/** The page that the link of an invitation leads to. */
export function serveInvitationPages(surface: Surface, kit: HttpKit, of: InvitationPageOperations): void {
  const run = kit.operator.run.bind(kit.operator);

  async function show(
    invitation: { id: string; token: string },
    { call, request, reply }: { call: HttpCall; request: FastifyRequest; reply: FastifyReply },
    again: { problem?: string; name?: string } = {},
  ): Promise<string> {
    const view = await run(of.viewInvitation, call, invitation);
    const signedIn = await signedInAs(request, call, kit, of);
    const formToken = signedIn?.formToken ?? anonymousFormToken(request, reply);
    asPage(reply);
    return renderInvitation({ view, token: invitation.token, formToken, signedIn, ...again });
  }

  surface.serve(routes.show, async ({ params: { id }, query: { token } }, call, { request, reply }) =>
    show({ id, token }, { call, request, reply }),
  );

  surface.serve(routes.answer, async ({ params: { id }, body }, call, { request, reply }) => {
    const { token, name, password } = body;
    if (isSignedIn(call)) assertSessionForm(request, body.form_token);
    else assertAnonymousForm(request, body.form_token);
    if (body.answer === 'decline') {
      await run(of.declineInvitation, call, { id, token });
      asPage(reply);
      return renderDeclined(await signedInAs(request, call, kit, of));
    }
    assertCanHoldSession(request, kit.publicUrl);
    const account = isSignedIn(call) || !name || !password ? null : { name, password };
    const client = request.headers['user-agent'] ?? '';
    try {
      const { signedIn } = await run(of.acceptInvitation, call, { id, token, account, client });
      if (signedIn) {
        const { cookie, seconds } = await run(of.openSession, call, { refreshToken: signedIn.refreshToken });
        setSessionCookie(reply, cookie, seconds);
      }
      return goTo(reply, '/');
    } catch (thrown) {
      const refusal = toAppError(thrown);
      if (refusal.kind !== 'invalid') throw thrown;
      reply.code(400);
      const shown = await show({ id, token }, { call, request, reply }, { problem: refusal.message, name: name ?? '' });
      return reply.send(shown);
    }
  });
}
