import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/*
 * The passwords that guessers try first, known without asking anybody. `common-passwords.bin` holds the first four bytes of
 * the SHA-256 of each of 55,519, lower case, in order: 222,076 bytes, and one password in 77,000 that is not among them is
 * taken for one. They are the union of two lists: `passwords` of the npm package @zxcvbn-ts/language-common 4.1.3 (MIT,
 * © 2012–2016 Dan Wheeler and Dropbox, Inc., © 2021 @zxcvbn-ts; by use in breaches), and common-passwords.txt of Django
 * 5.2.17 (BSD-3-Clause, © Django Software Foundation; collected by Royce Williams from breaches).
 */
const FILE = new URL('common-passwords.bin', import.meta.url);
const ENTRY_BYTES = 4;

/** Below this, what is left of a password after its decoration is too short to say anything. */
const LEAST_CORE = 4;

/** Letters as they are disguised. */
const DISGUISES: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '8': 'b',
  '9': 'g',
  '@': 'a',
  $: 's',
  '!': 'i',
};

/**
 * Whether guessers would try this soon: one of the common passwords, also decorated at its ends, disguised or repeated
 * (`Password123!`, `p4$$w0rdp4$$w0rd`).
 */
export function isCommonPassword(password: string): boolean {
  const plain = password.normalize('NFKC').toLowerCase();
  return [plain, repeatedPart(plain)].some((text) => formsOf(text).some(isListed));
}

function formsOf(text: string): string[] {
  const bare = [text, core(text)];
  return [...bare, ...bare.map(undisguised), core(undisguised(text))].filter(({ length }) => length >= LEAST_CORE);
}

/** Without digits and signs at both ends. */
const core = (text: string): string => text.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '');

const undisguised = (text: string): string => text.replace(/./gu, (sign) => DISGUISES[sign] ?? sign);

/** What a text repeats to its end; the text itself when it does not. */
const repeatedPart = (text: string): string => /^(.+?)\1+$/su.exec(text)?.[1]?.padEnd(LEAST_CORE, text) ?? text;

function isListed(text: string): boolean {
  const wanted = createHash('sha256').update(text).digest().readUInt32BE(0);
  table ??= readFileSync(FILE);
  let [low, high] = [0, table.length / ENTRY_BYTES - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = table.readUInt32BE(middle * ENTRY_BYTES);
    if (found === wanted) return true;
    if (found < wanted) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}
let table: Buffer | undefined;
