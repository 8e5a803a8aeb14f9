import { createHmac, hkdfSync, randomInt } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import type { MasterKey } from '../../../platform/crypto/master-key.ts';
import { open, seal } from '../../../platform/crypto/sealed.ts';
import type { Tx } from '../../../platform/db/index.ts';
import * as store from './store.ts';

/** RFC 6238 as every authenticator app has it: SHA-1, six digits, 30 seconds. */
const PERIOD_SECONDS = 30;
const DIGITS = 6;
const SECRET_BYTES = 20;
/** Steps before and after now that are accepted: clocks of phones differ, and people type slowly. */
const WINDOW = 1;

const RECOVERY_CODES = 10;
/** Without characters that look alike; ten of them are 49 random bits. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';
const CODE_FORM = /^[a-z2-9]{5}-?[a-z2-9]{5}$/;

/** What a new authenticator app is told: once, and never again. */
export type Enrolment = { secret: string; uri: string };

/** Second factors of people: an authenticator app, and recovery codes for when it is lost. */
export class SecondFactors {
  readonly #sealing: Buffer;
  readonly #hashing: Buffer;

  constructor(masterKey: MasterKey) {
    this.#sealing = derive(masterKey, 'totp secrets');
    this.#hashing = derive(masterKey, 'recovery codes');
  }

  /** Whether a person is asked for a second factor. */
  async isOn(tx: Tx, userId: string): Promise<boolean> {
    return ((await store.findAuthenticator(tx, userId))?.confirmedAt ?? null) !== null;
  }

  /** Makes a secret for an authenticator app, which counts once it is confirmed; null when one is confirmed already. */
  async enrol(tx: Tx, { userId, email }: { userId: string; email: string }): Promise<Enrolment | null> {
    const secret = new Secret({ size: SECRET_BYTES });
    const sealed = seal(this.#sealing, Buffer.from(secret.bytes), contextOf(userId));
    if (!(await store.enrolAuthenticator(tx, userId, sealed))) return null;
    const app = new TOTP({ issuer: 'Assay', label: email, secret, digits: DIGITS, period: PERIOD_SECONDS });
    return { secret: secret.base32, uri: app.toString() };
  }

  /** Whether this is the code that the app shows now, and was not given before. Only for what is not confirmed yet too. */
  async acceptsAppCode(tx: Tx, userId: string, code: string): Promise<boolean> {
    const stored = await store.findAuthenticator(tx, userId);
    if (stored === null || !/^\d{6}$/.test(code)) return false;
    const bytes = open(this.#sealing, stored.sealedSecret, contextOf(userId));
    const secret = new Secret({ buffer: new Uint8Array(bytes).buffer });
    const timestamp = Date.now();
    const settings = { token: code, secret, digits: DIGITS, period: PERIOD_SECONDS, timestamp, window: WINDOW };
    const delta = TOTP.validate(settings);
    if (delta === null) return false;
    return store.spendTimeStep(tx, userId, Math.floor(timestamp / 1000 / PERIOD_SECONDS) + delta);
  }

  /** Whether a code proves the second factor; it is spent by it. */
  async accepts(tx: Tx, userId: string, given: string): Promise<'totp' | 'recovery_code' | null> {
    const code = given.trim().toLowerCase().replaceAll(' ', '');
    if (!(await this.isOn(tx, userId))) return null;
    if (await this.acceptsAppCode(tx, userId, code)) return 'totp';
    if (!CODE_FORM.test(code)) return null;
    return (await store.spendRecoveryCode(tx, userId, this.#hash(userId, code))) ? 'recovery_code' : null;
  }

  /** Makes recovery codes in the place of the ones before. */
  renewRecoveryCodes(tx: Tx, userId: string): string[] {
    const codes = Array.from({ length: RECOVERY_CODES }, newCode);
    const hashes = codes.map((code) => this.#hash(userId, code));
    store.replaceRecoveryCodes(tx, userId, hashes);
    return codes;
  }

  /** Keyed, since a code has too few bits for a plain hash to hide it from somebody who has the table. */
  #hash(userId: string, code: string): Buffer {
    return createHmac('sha256', this.#hashing)
      .update(`${userId}:${code.replace('-', '')}`)
      .digest();
  }
}

const derive = (masterKey: MasterKey, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', masterKey.reveal(), '', purpose, 32));

const contextOf = (userId: string): string => `totp:${userId}`;

function newCode(): string {
  const characters = Array.from({ length: 10 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return `${characters.slice(0, 5)}-${characters.slice(5)}`;
}
