import { randomBytes } from 'node:crypto';
import { AppError } from '../../../kernel/errors.ts';
import type { Tx } from '../../../platform/db/index.ts';
import type { Call } from '../../../platform/operation.ts';
import { type Account, findAccountByEmail, findAccountById, hasStillPassword } from '../accounts/store.ts';
import { loginErrors } from '../errors.ts';
import type { Throttle } from '../throttle/throttle.ts';
import type { SecondFactors } from '../totp/second-factors.ts';
import { endSecondFactorChallenge, insertSecondFactorChallenge, trySecondFactorChallenge } from '../totp/store.ts';
import type { KnownDevices } from './known-devices.ts';
import { hashToken, type Logins, type TokenPair } from './logins.ts';
import type { LoginMethod } from './model.ts';
import { spendVerification, verifyPassword } from './passwords.ts';

/** What a sign-in gives: tokens, and a mark by which the device is known the next time. */
export type SignedIn = TokenPair & { deviceMark: string };

/** How long somebody has to look for their phone, and how often they may mistype. */
const CHALLENGE_SECONDS = 300;
const CHALLENGE_ATTEMPTS = 5;

/** The password was right, and a second factor is needed: it is sent with `mfaToken`, within the time that is said. */
export class SecondFactorRequired extends AppError {
  readonly mfaToken: string;
  readonly seconds = CHALLENGE_SECONDS;

  constructor(mfaToken: string) {
    super(
      'unauthenticated',
      'login.second_factor_required',
      'A second factor is needed. Send `mfa_token` with a code of the authenticator app, or a recovery code, to /api/v1/auth/mfa.',
    );
    this.mfaToken = mfaToken;
  }
}

type Work = <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>;

export type SignInOptions = {
  logins: Logins;
  throttle: Throttle;
  devices: KnownDevices;
  secondFactors: SecondFactors;
  statements: Work;
  transaction: Work;
  /** Writes the leaf of a sign-in. */
  audit(tx: Tx, call: Call, act: { orgId: string; userId: string; action: string }): void;
};

export type PasswordAttempt = { email: string; password: string; client: string; deviceMark?: string | null };

/** Signs people in. Passwords are verified while no connection is held: that takes a core for 20 ms, and memory. */
export class SignIn {
  readonly #options: SignInOptions;

  constructor(options: SignInOptions) {
    this.#options = options;
  }

  /**
   * Signs in with e-mail and password.
   * @throws AppError `unauthenticated` without saying what of the two was wrong, `SecondFactorRequired` when both were
   *   right and the person has a second factor
   */
  async withPassword(call: Call, { email, password, client, deviceMark }: PasswordAttempt): Promise<SignedIn> {
    const { throttle, devices, statements } = this.#options;
    const account = await statements((tx) => findAccountByEmail(tx, email));
    const device = account === null ? null : devices.read(deviceMark ?? null, account.id);
    const attempt = await throttle.signIn(email.toLowerCase(), { address: call.address, device });
    if (!(await isPasswordOf(account, password)) || account === null) throw failed();
    await attempt.succeeded();
    await this.#requireSecondFactor(account.id, client);
    return this.open(call, { userId: account.id, method: 'password', client }, async (tx) => {
      // Changed while this one was verified: whoever changed it did so to keep the old one out.
      if (!(await hasStillPassword(tx, account.id, account.passwordHash))) throw failed();
    });
  }

  /**
   * Finishes a sign-in with its second factor.
   * @throws AppError `unauthenticated` for a wrong code, and for a token that is over
   */
  async withSecondFactor(call: Call, { mfaToken, code }: { mfaToken: string; code: string }): Promise<SignedIn> {
    const { statements, throttle, secondFactors } = this.#options;
    const hash = hashToken(mfaToken);
    const challenge = await statements((tx) => trySecondFactorChallenge(tx, hash, CHALLENGE_ATTEMPTS));
    if (challenge === null) throw ended();
    const { userId, client } = challenge;
    const attempt = await throttle.account('second factor', userId);
    const signedIn = await this.open(call, { userId, method: 'password', client }, async (tx) => {
      if ((await secondFactors.accepts(tx, userId, code)) === null) {
        throw loginErrors.second_factor_failed('The code is wrong, or was used before. Wait for the next one.');
      }
      if (!(await endSecondFactorChallenge(tx, hash))) throw ended();
    });
    await attempt.succeeded();
    return signedIn;
  }

  /** Opens a login once `prove`, in the same transaction, has not thrown. */
  async open(
    call: Call,
    signIn: { userId: string; method: LoginMethod; client: string; orgId?: string | null },
    prove: (tx: Tx) => Promise<void>,
  ): Promise<SignedIn> {
    const { transaction, logins, devices, audit } = this.#options;
    return transaction(async (tx) => {
      await prove(tx);
      const account = await findAccountById(tx, signIn.userId);
      if (account === null || account.disabledAt !== null) throw failed();
      const pair = await logins.openTokens(tx, signIn, { call });
      if (pair.orgId !== null) audit(tx, call, { orgId: pair.orgId, userId: pair.userId, action: 'login.created' });
      return { ...pair, deviceMark: devices.mark(pair.userId) };
    });
  }

  async #requireSecondFactor(userId: string, client: string): Promise<void> {
    const { statements, secondFactors } = this.#options;
    const mfaToken = `mf_${randomBytes(32).toString('base64url')}`;
    const isNeeded = await statements(async (tx) => {
      if (!(await secondFactors.isOn(tx, userId))) return false;
      const challenge = { hash: hashToken(mfaToken), userId, client, seconds: CHALLENGE_SECONDS };
      await insertSecondFactorChallenge(tx, challenge);
      return true;
    });
    if (isNeeded) throw new SecondFactorRequired(mfaToken);
  }
}

const failed = (): AppError => loginErrors.failed('E-mail or password is wrong.');
const ended = (): AppError =>
  loginErrors.challenge_ended('This sign-in has ended: too late, or too many wrong codes. Begin again.');

async function isPasswordOf(account: Account | null, password: string): Promise<boolean> {
  if (!account?.passwordHash || account.disabledAt) return spendVerification(password);
  return verifyPassword(account.passwordHash, password);
}
