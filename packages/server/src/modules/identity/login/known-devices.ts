import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { MasterKey } from '../../../platform/crypto/master-key.ts';

/** A device stays known for a year; it gets a new mark at each sign-in. */
export const DEVICE_SECONDS = 365 * 24 * 3600;

const FORM = /^dv_([\w-]{22})\.(\d{10})\.([\w-]{43})$/;

/**
 * Marks of devices that have signed in to an account: they prove nothing but that, and exempt their holder from what is
 * held against others. Nothing is stored: a mark carries its own proof.
 */
export class KnownDevices {
  readonly #key: Buffer;

  constructor(masterKey: MasterKey) {
    this.#key = Buffer.from(hkdfSync('sha256', masterKey.reveal(), '', 'known devices', 32));
  }

  /** Makes a mark for a device that has just signed in. */
  mark(userId: string): string {
    const id = randomBytes(16).toString('base64url');
    const until = String(Math.floor(Date.now() / 1000) + DEVICE_SECONDS);
    return `dv_${id}.${until}.${this.#proof(userId, id, until).toString('base64url')}`;
  }

  /** The device that a mark of this account names; null for anything else. */
  read(mark: string | null, userId: string): string | null {
    const [, id = '', until = '', proof = ''] = FORM.exec(mark ?? '') ?? [];
    if (id === '' || Number(until) * 1000 < Date.now()) return null;
    const given = Buffer.from(proof, 'base64url');
    const right = this.#proof(userId, id, until);
    return given.length === right.length && timingSafeEqual(given, right) ? id : null;
  }

  #proof(userId: string, id: string, until: string): Buffer {
    return createHmac('sha256', this.#key).update(`${userId}.${id}.${until}`).digest();
  }
}
