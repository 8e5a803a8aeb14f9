import type { FieldFault } from '../../../kernel/errors.ts';
import { passwordErrors } from '../errors.ts';
import { isCommonPassword } from './common-passwords.ts';

/** NIST SP 800-63B: length counts, composition rules do not help. */
const LEAST_CHARACTERS = 12;
/** Beyond it a caller makes us hash for nothing. */
const MOST_CHARACTERS = 1024;
const LEAST_DIFFERENT = 5;
/** Shorter parts of a name or address are in half of all passwords by chance. */
const LEAST_OWN_PART = 4;

/** What somebody's password must not be made of. */
export type Owner = { email: string; name: string };

/**
 * Holds a new password to the rules: long enough, not one that guessers try first, not made of who owns it.
 * @throws AppError `invalid`, saying which rule it breaks
 */
export function assertAcceptable(password: string, owner: Owner, field = 'password'): void {
  const fault = faultOf(password, owner);
  if (fault === null) return;
  const faults: FieldFault[] = [{ field, ...fault }];
  throw passwordErrors.unacceptable(fault.message, { faults });
}

function faultOf(password: string, owner: Owner): Omit<FieldFault, 'field'> | null {
  const characters = [...password];
  if (characters.length < LEAST_CHARACTERS) {
    return {
      constraint: 'min_length',
      message: `The password has ${characters.length} characters. Use at least ${LEAST_CHARACTERS}; a few words in a row are easy to keep.`,
    };
  }
  if (characters.length > MOST_CHARACTERS) {
    return {
      constraint: 'max_length',
      message: `The password is longer than ${MOST_CHARACTERS} characters. Shorten it.`,
    };
  }
  if (new Set(characters).size < LEAST_DIFFERENT || isRun(characters) || isCommonPassword(password)) {
    return {
      constraint: 'not_common',
      message: 'The password is among those that are tried first. Choose one that nobody else has.',
    };
  }
  if (isMadeOf(password, owner)) {
    return {
      constraint: 'not_yours',
      message: 'The password is your name or e-mail address with little else. Choose one that does not begin with you.',
    };
  }
  return null;
}

/** Signs that follow each other all the way: `abcdefghijkl`, `210987654321`. */
function isRun(characters: readonly string[]): boolean {
  const codes = characters.map((character) => character.codePointAt(0) ?? 0);
  const steps = codes.slice(1).map((code, index) => code - (codes[index] ?? 0));
  const dull = steps.filter((step) => Math.abs(step) <= 1 || Math.abs(step) === 9).length;
  return dull === steps.length;
}

/** What is left without the parts of one's name and address is too little to guess. */
function isMadeOf(password: string, { email, name }: Owner): boolean {
  const parts = [...email.split(/[@.+_-]/), ...name.split(/\s+/)]
    .map((part) => part.toLowerCase())
    .filter(({ length }) => length >= LEAST_OWN_PART)
    .sort((a, b) => b.length - a.length);
  const rest = parts.reduce((text, part) => text.replaceAll(part, ''), password.toLowerCase());
  return rest !== password.toLowerCase() && rest.replace(/[^\p{L}]/gu, '').length < LEAST_OWN_PART;
}
