import { createHash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { ApiKeyId, OrganizationId } from '../../../kernel/ids.ts';
import type { KeyTemplate } from '../../access/index.ts';

/*
 * Form of a key: `sk_` · 32 characters of [0-9A-Za-z], 190 random bits · 6 characters: CRC-32 of what is before them,
 * in base 62. The checksum tells a mistyped or truncated key from a wrong one without asking the database; it adds no
 * security.
 */
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const PREFIX = 'sk_';
const RANDOM_LENGTH = 32;
const CHECKSUM_LENGTH = 6;
const FORM = /^sk_[0-9A-Za-z]{38}$/;

/** What is kept of a key; the key itself is shown once and never stored. */
export type ApiKey = {
  id: ApiKeyId;
  orgId: OrganizationId;
  name: string;
  prefix: string;
  lastFour: string;
  /** The template that it was made from, whose scopes it holds as they are today; null for a key with its own list. */
  template: KeyTemplate | null;
  scopes: readonly string[];
  createdBy: string | null;
  /** The service account that it acts for and that bounds it; null: the person who made it does. */
  serviceAccountId: string | null;
  createdAt: Date;
  expiresAt: Date | null;
  /** Networks that it may be used from; empty: from anywhere. */
  allowedAddresses: readonly string[];
  lastUsedAt: Date | null;
  lastUsedAddress: string | null;
  /** Until when the secret before the last rotation works; null when there is none. */
  previousExpiresAt: Date | null;
  /** When the person behind it left, and its scopes became final. */
  frozenAt: Date | null;
  disabledAt: Date | null;
  revokedAt: Date | null;
  /** Grows with each change. */
  version: number;
};

/** Makes a new key. */
export function newRawKey(): string {
  const random = Array.from({ length: RANDOM_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return PREFIX + random + checksum(PREFIX + random);
}

/** Whether a key carries a right checksum: only then can it be one of ours. */
export function isWellFormed(raw: string): boolean {
  return FORM.test(raw) && raw.slice(-CHECKSUM_LENGTH) === checksum(raw.slice(0, -CHECKSUM_LENGTH));
}

/** Whether a string may serve as a bootstrap key: `sk_` and 20 to 200 characters of [0-9A-Za-z_-]. */
export const isAcceptableBootstrapKey = (raw: string): boolean => /^sk_[0-9A-Za-z_-]{20,200}$/.test(raw);

export const hashKey = (raw: string): Buffer => createHash('sha256').update(raw).digest();

export const describeKey = (raw: string): { prefix: string; lastFour: string } => ({
  prefix: raw.slice(0, 7),
  lastFour: raw.slice(-4),
});

function checksum(text: string): string {
  let rest = crc32(text);
  let digits = '';
  for (let index = 0; index < CHECKSUM_LENGTH; index++) {
    digits = ALPHABET[rest % 62] + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
}
