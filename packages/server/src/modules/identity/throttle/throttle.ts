import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { Tx } from '../../../platform/db/index.ts';
import { loginErrors } from '../errors.ts';
import * as store from './store.ts';

/*
 * Guessing is held back, and nobody can be locked out by it:
 *
 * - The pair of an account and where the attempt comes from waits ever longer. Someone else's failures are another
 *   pair, so they cost the owner nothing.
 * - An address as a whole has a coarse bound, against one machine that tries many accounts.
 * - A device that has signed in to the account before is a place of its own, whatever address it has: neither the
 *   failures of others behind the same address nor the bound of that address touch it.
 *
 * The counters are rows, so that all nodes count together.
 */
const PAIR: store.ThrottleRule = { free: 10, firstWait: 1, longestWait: 900, memory: 86_400 };
const ADDRESS: store.ThrottleRule = { free: 100, firstWait: 2, longestWait: 900, memory: 900 };
/** For what only somebody tries who knows the first factor, or is signed in. Over all addresses: six digits are few. */
const ACCOUNT: store.ThrottleRule = { free: 10, firstWait: 2, longestWait: 900, memory: 86_400 };

export type Statements = <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>;

/** An attempt that is counted already. */
export type Attempt = {
  /** It was right: what was held against it is forgotten. */
  succeeded(): Promise<void>;
};

/** Where a sign-in comes from; `device` is one that has signed in to this account before. */
export type Origin = { address: string | null; device: string | null };

/** Holds back who guesses. */
export class Throttle {
  readonly #statements: Statements;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  /**
   * Counts an attempt to sign in to an account, which need not exist.
   * @throws AppError `rate_limited` (`login.throttled`) with the time to wait
   */
  async signIn(account: string, origin: Origin): Promise<Attempt> {
    const { device } = origin;
    const address = networkOf(origin.address);
    const pair = subject('pair', account, device === null ? address : `device ${device}`);
    const whole = device === null ? subject('address', address) : null;
    await this.#take(pair, PAIR);
    if (whole !== null) await this.#take(whole, ADDRESS);
    return {
      succeeded: () =>
        this.#statements(async (tx) => {
          await store.clearAttempts(tx, pair);
          if (whole !== null) await store.giveAttemptBack(tx, whole);
        }),
    };
  }

  /** Counts an attempt at what only the owner of an account, or somebody with the password, comes to. */
  async account(kind: 'second factor' | 'own password', userId: string): Promise<Attempt> {
    const whole = subject(kind, userId);
    await this.#take(whole, ACCOUNT);
    return {
      succeeded: async () => {
        await this.#statements((tx) => store.clearAttempts(tx, whole));
      },
    };
  }

  /** Counts something that an address asks for and that never fails: mail to others, accounts. */
  async address(kind: 'mail' | 'sign-up', address: string | null): Promise<void> {
    await this.#take(subject(kind, networkOf(address)), ADDRESS);
  }

  async #take(of: Buffer, rule: store.ThrottleRule): Promise<void> {
    const retryAfterMs = await this.#statements((tx) => store.takeAttempt(tx, of, rule));
    if (retryAfterMs === null) return;
    throw loginErrors.throttled(`Too many attempts. Try again in ${Math.ceil(retryAfterMs / 1000)} s.`, {
      retryAfterMs,
    });
  }
}

/** Fields with their lengths in front, so that no two lists of fields are one subject. */
const subject = (...fields: readonly string[]): Buffer =>
  createHash('sha256')
    .update(fields.map((field) => `${field.length}:${field}`).join(''))
    .digest();

/** One subscriber has a whole /64 of IPv6 addresses, and would otherwise have as many pairs. */
function networkOf(address: string | null): string {
  if (address === null) return 'unknown';
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = address.toLowerCase().split('%', 1)[0]?.split('::') ?? [];
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - first.length - last.length }, () => '0');
  return [...first, ...zeros, ...last]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
