import { randomBytes, randomInt } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';

/** Argon2id, 19 MiB, 2 passes, 1 lane: the first choice of the OWASP password storage cheat sheet. */
const ARGON2ID = 2;
const PARAMETERS = { algorithm: ARGON2ID, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export const hashPassword = (password: string): Promise<string> => hash(password, PARAMETERS);

export const verifyPassword = (stored: string, password: string): Promise<boolean> => verify(stored, password);

/** Does the work of a verification without one: an unknown account must not answer faster than a wrong password. */
export async function spendVerification(password: string): Promise<false> {
  decoy ??= hashPassword(randomBytes(18).toString('base64url'));
  await verify(await decoy, password);
  return false;
}
let decoy: Promise<string> | undefined;

/** Without the characters that are mistaken for each other on paper. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';

/** A password that a person can type from paper: 20 characters, 99 random bits. */
export function newOneTimePassword(): string {
  return Array.from({ length: 20 }, () => ALPHABET[randomInt(ALPHABET.length)])
    .join('')
    .replace(/(.{5})(?=.)/g, '$1-');
}
