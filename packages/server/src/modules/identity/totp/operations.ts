import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { personOf } from '../accounts/person.ts';
import type { AccountServices } from '../accounts/services.ts';
import { findAccountById } from '../accounts/store.ts';
import { accountErrors, totpErrors } from '../errors.ts';
import { assertOwnPassword } from '../passwords/own-password.ts';
import type { Enrolment } from './second-factors.ts';
import { confirmAuthenticator, countRecoveryCodes, findAuthenticator, removeAuthenticator } from './store.ts';

export type SecondFactorState = { isOn: boolean; confirmedAt: Date | null; recoveryCodesLeft: number };

/** Operations on one's own second factor. */
export const secondFactorOperations = (services: AccountServices) => ({
  ...enrolmentOperations(services),
  ...operationsWhileOn(services),
});

function enrolmentOperations(services: AccountServices) {
  const record = recorder(services);
  const { statements, transaction, secondFactors, throttle } = services;

  const getSecondFactor = operation({
    name: 'identity.totp.get',
    summary: 'Whether you have a second factor, and how many recovery codes are left.',
    scope: 'authenticated',
    effect: 'read',
    rate: 'control',
    audit: null,
    transaction: 'none',
    run: (context): Promise<SecondFactorState> =>
      statements(async (tx) => {
        const { userId } = await personOf(context, tx);
        const confirmedAt = (await findAuthenticator(tx, userId))?.confirmedAt ?? null;
        return { isOn: confirmedAt !== null, confirmedAt, recoveryCodesLeft: await countRecoveryCodes(tx, userId) };
      }),
  });

  const enrolSecondFactor = operation({
    name: 'identity.totp.enrol',
    summary:
      'Begin with an authenticator app: gives its secret, here and nowhere else. It counts once it is confirmed.',
    scope: 'authenticated',
    effect: 'wind_down',
    rate: 'login',
    audit: 'own',
    transaction: 'none',
    run: (context): Promise<Enrolment> =>
      transaction(async (tx) => {
        const { userId } = await personOf(context, tx, { recent: true });
        const account = await findAccountById(tx, userId);
        if (account === null) throw accountErrors.not_found('There is no such account any more.');
        const enrolment = await secondFactors.enrol(tx, { userId, email: account.email });
        if (enrolment === null) throw alreadyOn();
        record({ ...context, tx }, userId, 'totp.enrolled');
        return enrolment;
      }),
  });

  const confirmSecondFactor = operation({
    name: 'identity.totp.confirm',
    summary: 'Switch the second factor on with a code of the app. Gives ten recovery codes, here and nowhere else.',
    scope: 'authenticated',
    effect: 'wind_down',
    rate: 'login',
    audit: 'own',
    transaction: 'none',
    async run(context, input: { code: string }): Promise<{ recoveryCodes: string[] }> {
      const { userId } = await statements((tx) => personOf(context, tx));
      const attempt = await throttle.account('second factor', userId);
      const recoveryCodes = await transaction(async (tx) => {
        const found = await findAuthenticator(tx, userId);
        if (found === null) throw totpErrors.not_on('Begin with POST /v1/me/totp: there is no app to confirm.');
        if (found.confirmedAt !== null) throw alreadyOn();
        if (!(await secondFactors.acceptsAppCode(tx, userId, input.code))) throw wrongCode();
        confirmAuthenticator(tx, userId);
        record({ ...context, tx }, userId, 'totp.confirmed');
        return secondFactors.renewRecoveryCodes(tx, userId);
      });
      await attempt.succeeded();
      return { recoveryCodes };
    },
  });

  return { getSecondFactor, enrolSecondFactor, confirmSecondFactor } satisfies Record<string, AnyOperation>;
}

/** Operations on a second factor that is on. */
function operationsWhileOn(services: AccountServices) {
  const record = recorder(services);
  const { statements, transaction, secondFactors, throttle } = services;

  const renewRecoveryCodes = operation({
    name: 'identity.totp.renew_codes',
    summary: 'Get new recovery codes in the place of those that are left, with a code of the app.',
    scope: 'authenticated',
    effect: 'wind_down',
    rate: 'login',
    audit: 'own',
    transaction: 'none',
    async run(context, input: { code: string }): Promise<{ recoveryCodes: string[] }> {
      const { userId } = await statements((tx) => personOf(context, tx));
      const attempt = await throttle.account('second factor', userId);
      const recoveryCodes = await transaction(async (tx) => {
        if ((await secondFactors.accepts(tx, userId, input.code)) === null) throw wrongCode();
        record({ ...context, tx }, userId, 'totp.codes_renewed');
        return secondFactors.renewRecoveryCodes(tx, userId);
      });
      await attempt.succeeded();
      return { recoveryCodes };
    },
  });

  const disableSecondFactor = operation({
    name: 'identity.totp.disable',
    summary: 'Switch the second factor off, with your password or a code.',
    scope: 'authenticated',
    effect: 'wind_down',
    rate: 'login',
    audit: 'own',
    transaction: 'none',
    async run(context, input: { password: string } | { code: string }): Promise<void> {
      const { userId } = await statements((tx) => personOf(context, tx));
      if ('password' in input) {
        const account = await statements((tx) => findAccountById(tx, userId));
        if (account === null) throw accountErrors.not_found('There is no such account any more.');
        await assertOwnPassword(services, account, input.password);
      }
      const attempt = 'code' in input ? await throttle.account('second factor', userId) : null;
      await transaction(async (tx) => {
        const isConfirmed = await secondFactors.isOn(tx, userId);
        if ('code' in input && isConfirmed && (await secondFactors.accepts(tx, userId, input.code)) === null)
          throw wrongCode();
        if (!(await removeAuthenticator(tx, userId))) throw totpErrors.not_on('You have no second factor.');
        record({ ...context, tx }, userId, 'totp.disabled');
      });
      await attempt?.succeeded();
    },
  });

  return { renewRecoveryCodes, disableSecondFactor } satisfies Record<string, AnyOperation>;
}

/** Writes the leaf of an act on one's own second factor. */
const recorder =
  ({ audit }: AccountServices) =>
  (context: Pick<Context, 'tx' | 'call' | 'by'>, userId: string, action: string): void =>
    audit(context, { orgId: context.by.orgId, userId }, { action, target: { type: 'user', id: userId } });

const wrongCode = (): Error =>
  totpErrors.code_wrong('The code is wrong, or was used before. Wait for the next one.', {
    faults: [{ field: 'code', constraint: 'correct', message: 'It is wrong, or was used before.' }],
  });
const alreadyOn = (): Error => totpErrors.already_on('You have a second factor already. Switch it off first.');
