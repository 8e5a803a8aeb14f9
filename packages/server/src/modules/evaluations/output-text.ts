import { StringDecoder } from 'node:string_decoder';

/** Output as a row can hold it: PostgreSQL's text and JSON have no NUL, so it shows as the replacement character. */
const withoutNul = (text: string): string => (text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text);

/** Decodes pieces of one stream; a character cut between two pieces appears whole in the second. */
export class PieceDecoder {
  #held: Buffer = Buffer.alloc(0);

  decode(bytes: Buffer): string {
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const whole = all.length - unfinishedTail(all);
    this.#held = all.subarray(whole);
    return withoutNul(all.toString('utf8', 0, whole));
  }

  /** Bytes that wait for the rest of their character. */
  get pending(): number {
    return this.#held.length;
  }

  /** The stream is over: what was held is no character after all. */
  end(): string {
    const text = this.#held.toString('utf8');
    this.#held = Buffer.alloc(0);
    return text;
  }
}

/** How many bytes at the end begin a character that needs more (RFC 3629): at most three. */
function unfinishedTail(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return lengthOfCharacter(byte) > back ? back : 0;
  }
  return 0;
}

const lengthOfCharacter = (lead: number): number => (lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2);

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
