import { controlRoutes as routes } from '@assay/contract';
import type { secondFactorOperations } from '../../modules/identity/index.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Surface } from '../http/surface.ts';
import { done } from './account.ts';
import { envelope } from './envelope.ts';

/** The second factor of whoever is signed in. */
export function serveSecondFactor(
  surface: Surface,
  { operator }: HttpKit,
  of: ReturnType<typeof secondFactorOperations>,
): void {
  const run = operator.run.bind(operator);
  const self = '/v1/me/totp';

  surface.serve(routes.getSecondFactor, async (_decoded, call) => {
    const { isOn, confirmedAt, recoveryCodesLeft } = await run(of.getSecondFactor, call, undefined);
    const state = {
      is_on: isOn,
      confirmed_at: confirmedAt?.toISOString() ?? null,
      recovery_codes_left: recoveryCodesLeft,
    };
    return envelope(call, { status: 200, data: { second_factor: state }, links: { self } });
  });

  surface.serve(routes.enrolSecondFactor, async (_decoded, call) => {
    const { secret, uri } = await run(of.enrolSecondFactor, call, undefined);
    return envelope(call, { status: 201, data: { secret, otpauth_uri: uri }, links: { self } });
  });

  surface.serve(routes.confirmSecondFactor, async ({ body }, call) => {
    const { recoveryCodes } = await run(of.confirmSecondFactor, call, body);
    return envelope(call, { status: 200, data: { recovery_codes: recoveryCodes }, links: { self } });
  });

  surface.serve(routes.renewRecoveryCodes, async ({ body }, call) => {
    const { recoveryCodes } = await run(of.renewRecoveryCodes, call, body);
    return envelope(call, { status: 201, data: { recovery_codes: recoveryCodes }, links: { self } });
  });

  surface.serve(routes.disableSecondFactor, async ({ body }, call) => {
    await run(of.disableSecondFactor, call, body);
    return done(call, self);
  });
}
