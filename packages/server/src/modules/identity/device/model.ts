import { createHmac, hkdfSync, randomBytes, randomInt } from 'node:crypto';

/*
 * A device asks to sign in as somebody (RFC 8628). The *device code* is its secret, to poll with. The *user code* is
 * what a person types into the page at the verification address, where they see who asks and decide.
 */

/** How long a request waits for its answer (crewkit). */
export const REQUEST_SECONDS = 600;
/** How far apart polls must be (crewkit, RFC 8628 section 3.2), and by how much a poll that comes too early widens it. */
export const POLL_SECONDS = 5;
export const SLOW_DOWN_SECONDS = 5;
/** A poll may come this much early: networks deliver two requests closer together than they were sent. */
export const POLL_TOLERANCE_SECONDS = 0.5;

/** The client of those that use crewkit's routes, which name none. */
export const CREWKIT_CLIENT = 'crewkit';

/** Consonants without those that look like another letter or spell words (RFC 8628 section 6.1). */
const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ';
const USER_CODE_LETTERS = 8;

export const newDeviceCode = (): string => `dc_${randomBytes(32).toString('base64url')}`;

/** `XXXX-XXXX`: 34 bits, so guessing is a matter of how often one may try. */
export function newUserCode(): string {
  const letters = Array.from({ length: USER_CODE_LETTERS }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}

/** A user code however it was typed: any case, with or without dashes and spaces; null for what cannot be one. */
export function readUserCode(typed: string): string | null {
  const letters = typed.toUpperCase().replace(/[\s\p{Pd}]/gu, '');
  const isPossible = letters.length === USER_CODE_LETTERS && [...letters].every((letter) => ALPHABET.includes(letter));
  return isPossible ? `${letters.slice(0, 4)}-${letters.slice(4)}` : null;
}

/** The digest of a user code, made with a key: it has too few letters for a plain hash to hide it. */
export function digestUserCode(masterKey: Buffer, userCode: string): Buffer {
  const key = Buffer.from(hkdfSync('sha256', masterKey, '', 'assay device user codes', 32));
  return createHmac('sha256', key).update(userCode).digest();
}

/** What is shown of a request to whom it asks. All but address and times is what the device says of itself. */
export type DeviceRequest = {
  id: string;
  clientId: string;
  deviceName: string;
  software: string;
  address: string | null;
  /** What it asks for; null for all that the person may do. */
  scopes: readonly string[] | null;
  createdAt: Date;
  expiresAt: Date;
};

/** A request as a poll finds it. */
export type PolledRequest = {
  id: string;
  clientId: string;
  deviceName: string;
  software: string;
  scopes: readonly string[] | null;
  decision: 'approved' | 'denied' | null;
  userId: string | null;
  orgId: string | null;
  isExpired: boolean;
  isClaimed: boolean;
  isEarly: boolean;
};

/** Why a poll gives no tokens. */
export type PollRefusal = 'authorization_pending' | 'slow_down' | 'expired_token' | 'access_denied' | 'invalid_grant';

/**
 * Reads the state of a request at a poll; null when tokens are due. An early poll is told to slow down whatever was
 * decided, or hurrying would pay.
 */
export function refusalOf(request: PolledRequest | null, clientId: string): PollRefusal | null {
  if (request === null || request.clientId !== clientId || request.isClaimed) return 'invalid_grant';
  if (request.isExpired) return 'expired_token';
  if (request.isEarly) return 'slow_down';
  if (request.decision === null) return 'authorization_pending';
  return request.decision === 'denied' ? 'access_denied' : null;
}

/** Who asks, as a list of logins shows it. */
export const clientName = ({
  clientId,
  deviceName,
  software,
}: Pick<DeviceRequest, 'clientId' | 'deviceName' | 'software'>) =>
  [clientId, deviceName && `on ${deviceName}`, software && `(${software})`].filter(Boolean).join(' ');
