import type { FastifyReply } from 'fastify';
import { toAppError } from '../../kernel/errors.ts';
import type { HttpCall } from '../http/http-call.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Surface } from '../http/surface.ts';
import { renderCodeEntry, renderOutcome, renderQuestion } from './device-page.ts';
import { assertSessionForm } from './form-token.ts';
import { asPage } from './layout.ts';
import { askToSignIn, type PageOperations, type SignedInAs, signedInAs } from './person.ts';
import { pageRoutes as routes } from './routes.ts';

/** The page where a person lets a device in: shows who asks, from where and for what. */
export function serveDevicePages(surface: Surface, kit: HttpKit, of: PageOperations): void {
  const run = kit.operator.run.bind(kit.operator);

  /** Shows the request of a code, or asks for the code again. */
  async function show(
    userCode: string,
    signedIn: SignedInAs,
    { call, reply, problem = null }: { call: HttpCall; reply: FastifyReply; problem?: string | null },
  ): Promise<unknown> {
    try {
      const question = await run(of.getDevice, call, { userCode });
      return reply.send(renderQuestion(question, signedIn, problem));
    } catch (thrown) {
      const refusal = toAppError(thrown);
      if (refusal.code !== 'device.code_unknown') throw thrown;
      return reply.code(404).send(renderCodeEntry(signedIn, refusal.message));
    }
  }

  surface.serve(routes.device, async ({ query }, call, { request, reply }) => {
    const { user_code: userCode } = query;
    const signedIn = await signedInAs(request, call, kit, of);
    if (!signedIn) return askToSignIn(reply, pathOf(userCode));
    asPage(reply);
    return userCode === undefined ? renderCodeEntry(signedIn) : show(userCode, signedIn, { call, reply });
  });

  surface.serve(routes.decideDevice, async ({ body }, call, { request, reply }) => {
    const { user_code: userCode, decision, organization } = body;
    const signedIn = await signedInAs(request, call, kit, of);
    if (!signedIn) return askToSignIn(reply, pathOf(userCode));
    assertSessionForm(request, body.form_token);
    asPage(reply);
    try {
      await run(of.decideDevice, call, {
        userCode,
        decision: decision === 'approve' ? 'approve' : 'deny',
        isReported: decision === 'report',
        orgId: organization ?? null,
      });
      return renderOutcome(decision, signedIn);
    } catch (thrown) {
      const refusal = toAppError(thrown);
      if (refusal.code === 'device.code_unknown') {
        return reply.code(404).send(renderCodeEntry(signedIn, refusal.message));
      }
      if (refusal.code !== 'device.organization_needed') throw thrown;
      return show(userCode, signedIn, { call, reply: reply.code(400), problem: refusal.message });
    }
  });
}

const pathOf = (userCode: string | undefined): string =>
  userCode === undefined ? '/device' : `/device?user_code=${encodeURIComponent(userCode)}`;
