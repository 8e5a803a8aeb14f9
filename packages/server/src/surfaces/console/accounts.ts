import { route } from '@assay/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type AppError, toAppError } from '../../kernel/errors.ts';
import type { accountOperations, passwordOperations } from '../../modules/identity/index.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Surface } from '../http/surface.ts';
import { type AccountForm, renderAccountDone, renderAccountForm } from './account-page.ts';
import { anonymousFormToken, assertAnonymousForm } from './form-token.ts';
import { asPage } from './layout.ts';

export type AccountPageOperations = Pick<ReturnType<typeof accountOperations>, 'confirmEmail' | 'confirmSignUp'> &
  Pick<ReturnType<typeof passwordOperations>, 'forgotPassword' | 'resetPassword'>;

const answers = { 200: { description: 'A page.', otherMedia: ['text/html'] } } as const;
const query = z.object({ token: z.string().max(200).default('') });
const body = z.object({
  token: z.string().max(200).default(''),
  email: z.string().trim().max(254).default(''),
  password: z.string().max(2048).default(''),
  form_token: z.string().max(100).default(''),
});

/** One page: the form that a mail leads to, or that the sign-in page does, and where it goes. */
type AccountPage = Omit<AccountForm, 'formToken' | 'action' | 'token' | 'problem'> & { path: string; done: string };

/** Nothing happens when a link is opened: programs that look through mail open them all. */
const PAGES = {
  forgot: {
    path: '/account/forgot-password',
    title: 'Ask for a new password',
    field: 'email',
    button: 'Send me a mail',
    done: 'If there is an account with this address, a mail is on its way to it.',
  },
  reset: {
    path: '/account/reset-password',
    title: 'Choose a new password',
    field: 'password',
    button: 'Set the password',
    done: 'Your password is set, and you are signed out everywhere. Sign in with the new one.',
  },
  confirmEmail: {
    path: '/account/confirm-email',
    title: 'Confirm your e-mail address',
    field: 'none',
    button: 'Confirm',
    done: 'Your account has this address now. Sign in with it.',
  },
  confirmSignUp: {
    path: '/account/confirm-sign-up',
    title: 'Confirm your account',
    field: 'none',
    button: 'Confirm',
    done: 'Your account is ready. Sign in.',
  },
} as const satisfies Record<string, AccountPage>;

const formRoute = (path: string, summary: string) =>
  route({ surface: 'console', method: 'GET', path, operation: null, summary, query, answers, isPublic: true });
const submitRoute = (path: string, operation: string, summary: string) =>
  route({ surface: 'console', method: 'POST', path, operation, summary, body, answers, isPublic: true });

type Submitted = z.output<typeof body>;

/** Pages that mails lead to, and the one that asks for such a mail. */
export function serveAccountPages(surface: Surface, kit: HttpKit, of: AccountPageOperations): void {
  const run = kit.operator.run.bind(kit.operator);
  type Call = Parameters<typeof run>[1];

  function serve(page: AccountPage, operation: string, act: (call: Call, sent: Submitted) => Promise<unknown>): void {
    const show = (
      { request, reply }: { request: FastifyRequest; reply: FastifyReply },
      more: { token: string; problem?: string },
    ): string => {
      asPage(reply);
      const formToken = anonymousFormToken(request, reply);
      return renderAccountForm({ ...page, ...more, action: page.path, formToken });
    };
    surface.serve(formRoute(page.path, page.title), async ({ query: { token } }, _call, raw) => show(raw, { token }));
    surface.serve(submitRoute(page.path, operation, page.title), async ({ body: sent }, call, raw) => {
      assertAnonymousForm(raw.request, sent.form_token);
      try {
        await act(call, sent);
      } catch (thrown) {
        const { message } = correctable(thrown);
        raw.reply.code(400);
        return raw.reply.send(show(raw, { token: sent.token, problem: message }));
      }
      asPage(raw.reply);
      return renderAccountDone(page.title, page.done);
    });
  }

  serve(PAGES.forgot, 'identity.password.forgot', (call, { email }) => run(of.forgotPassword, call, { email }));
  serve(PAGES.reset, 'identity.password.reset', (call, { token, password }) =>
    run(of.resetPassword, call, { token, password }),
  );
  serve(PAGES.confirmEmail, 'identity.email.confirm', (call, { token }) => run(of.confirmEmail, call, { token }));
  serve(PAGES.confirmSignUp, 'identity.account.confirm', (call, { token }) => run(of.confirmSignUp, call, { token }));
}

/** A refusal that the form itself shows; anything else goes on to be an error page. */
function correctable(thrown: unknown): AppError {
  const refusal = toAppError(thrown);
  if (refusal.kind === 'invalid' || refusal.kind === 'conflict') return refusal;
  throw thrown;
}
