import { StringDecoder } from 'node:string_decoder';

/** Output as a row can hold it: PostgreSQL's text and JSON have no NUL, so it shows as the replacement character. */
const withoutNul = (text: string): string => (text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text);

/** Decodes pieces of one stream; a character cut between two pieces appears whole in the second. */
export class PieceDecoder {
  readonly #decoder = new StringDecoder('utf8');

  decode(bytes: Buffer): string {
    return withoutNul(this.#decoder.write(bytes));
  }
}

/** The output of one stream as text, and whether the text says less than the bytes did. */
export type OutputText = { text: string; isCut: boolean; isLossy: boolean };

/** Decodes at most `limit` bytes. What is not UTF-8 shows as the replacement character. */
export function outputText(bytes: Buffer, limit: number): OutputText {
  const isCut = bytes.length > limit;
  const decoded = new StringDecoder('utf8');
  // Without `end`, a character that the limit cuts in two is left out rather than shown broken.
  const shown = isCut ? decoded.write(bytes.subarray(0, limit)) : decoded.write(bytes) + decoded.end();
  const text = withoutNul(shown);
  return { text, isCut, isLossy: !isCut && (text !== shown || !Buffer.from(shown, 'utf8').equals(bytes)) };
}
