import { controlRoutes as routes } from '@assay/contract';
import type { accountOperations, Profile, passwordOperations } from '../../modules/identity/index.ts';
import type { Call } from '../../platform/operation.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';

export type AccountOperations = ReturnType<typeof accountOperations> & ReturnType<typeof passwordOperations>;

/** Accounts of people: passwords, addresses, profile, sign-up. */
export function serveAccount(surface: Surface, { operator }: HttpKit, of: AccountOperations): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.forgotPassword, async ({ body }, call) => {
    await run(of.forgotPassword, call, body);
    return accepted(call, '/v1/auth/password/forgot');
  });

  surface.serve(routes.resetPassword, async ({ body }, call) => {
    await run(of.resetPassword, call, body);
    return done(call, '/v1/auth/password/reset');
  });

  surface.serve(routes.changePassword, async ({ body }, call) => {
    const { current_password: currentPassword, password } = body;
    await run(of.changePassword, call, { currentPassword, password });
    return done(call, '/v1/auth/password/change');
  });

  surface.serve(routes.issuePasswordReset, async ({ params }, call) => {
    const { token, seconds } = await run(of.issuePasswordReset, call, { userId: params.id });
    const self = `/v1/users/${params.id}/password-reset`;
    return envelope(call, { status: 201, data: { token, expires_in: seconds }, links: { self } });
  });

  surface.serve(routes.signUp, async ({ body }, call) => {
    await run(of.signUp, call, body);
    return accepted(call, '/v1/auth/signup');
  });

  surface.serve(routes.confirmSignUp, async ({ body }, call) => {
    const { userId } = await run(of.confirmSignUp, call, body);
    return envelope(call, { status: 201, data: { user_id: userId }, links: { self: '/v1/auth/signup/confirm' } });
  });

  surface.serve(routes.changeEmail, async ({ body }, call) => {
    await run(of.requestEmailChange, call, body);
    return accepted(call, '/v1/me/email');
  });

  surface.serve(routes.confirmEmail, async ({ body }, call) => {
    await run(of.confirmEmail, call, body);
    return done(call, '/v1/auth/email/confirm');
  });

  surface.serve(routes.getProfile, async (_decoded, call) =>
    profileAnswer(call, await run(of.getProfile, call, undefined)),
  );

  surface.serve(routes.updateProfile, async ({ body }, call) =>
    profileAnswer(call, await run(of.updateProfile, call, body)),
  );
}

const accepted = (call: Call, self: string) =>
  envelope(call, { status: 202, data: { accepted: true }, links: { self } });

/** The answer of an act that leaves nothing to show. */
export const done = (call: Call, self: string) =>
  envelope(call, { status: 200, data: { done: true }, links: { self } });

const profileAnswer = (call: Call, profile: Profile) =>
  envelope(call, {
    status: 200,
    data: {
      profile: {
        id: profile.id,
        email: profile.email,
        name: profile.name,
        has_password: profile.hasPassword,
        has_second_factor: profile.hasSecondFactor,
        created_at: profile.createdAt.toISOString(),
      },
    },
    links: { self: '/v1/me/profile' },
  });
