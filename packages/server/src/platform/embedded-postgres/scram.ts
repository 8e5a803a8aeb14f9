import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';

/** The client's two messages of SCRAM-SHA-256 (RFC 5802, RFC 7677) and the check of the server's answer. */
export type ScramExchange = {
  first: string;
  /** @throws Error when the server's challenge does not belong to this exchange */
  answer(challenge: string): string;
  /** @throws Error when the server does not know the password's verifier, so is not the one it claims to be */
  verify(outcome: string): void;
};

const HEADER = 'n,,';

/**
 * Starts an exchange. The password must be ASCII, as ours are: no SASLprep is applied. PostgreSQL takes the user from
 * the start-up packet and ignores the one here.
 */
export function scramExchange(password: string, nonce = randomBytes(18).toString('base64'), user = ''): ScramExchange {
  const bare = `n=${user},r=${nonce}`;
  let expected: Buffer | undefined;
  return {
    first: HEADER + bare,
    answer(challenge) {
      const { r: serverNonce = '', s: salt = '', i: iterations = '' } = fields(challenge);
      if (!serverNonce.startsWith(nonce) || serverNonce === nonce || !/^\d+$/.test(iterations)) {
        throw new Error('The database answered with a SCRAM challenge that is not for this connection.');
      }
      const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256');
      const clientKey = hmac(salted, 'Client Key');
      const final = `c=${Buffer.from(HEADER).toString('base64')},r=${serverNonce}`;
      const exchanged = `${bare},${challenge},${final}`;
      const signature = hmac(createHash('sha256').update(clientKey).digest(), exchanged);
      const proof = clientKey.map((byte, index) => byte ^ (signature[index] ?? 0));
      expected = hmac(hmac(salted, 'Server Key'), exchanged);
      return `${final},p=${Buffer.from(proof).toString('base64')}`;
    },
    verify(outcome) {
      const offered = Buffer.from(fields(outcome)['v'] ?? '', 'base64');
      if (expected === undefined || offered.length !== expected.length || !timingSafeEqual(offered, expected)) {
        throw new Error('The database could not prove that it knows the password.');
      }
    },
  };
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function fields(message: string): Record<string, string> {
  return Object.fromEntries(message.split(',').map((field) => [field.slice(0, 1), field.slice(2)]));
}
