const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const LOWER_E = 0x65;
/** The bit that tells `e` from `E`. */
const CASE = 0x20;

/** Fewer digits than this cannot exceed the largest number, about 1.8·10³⁰⁸. */
const MOST_DIGITS = 308;

/** What can be said of a JSON text without parsing it. Says nothing about validity. */
export type JsonSurvey = {
  /** How deep the brackets nest. */
  depth: number;
  /** Whether it may hold a key named `__proto__`, half a surrogate pair or a number beyond all numbers. */
  mayHoldOddities: boolean;
};

/**
 * Looks over a JSON text once, in time that grows with its length and nothing else: before it is known who sent it,
 * and so before anything dearer may be done with it.
 */
export function surveyJson(text: string): JsonSurvey {
  let depth = 0;
  let deepest = 0;
  let digits = 0;
  let isHuge = false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (isDigit(code)) {
      digits += 1;
      continue;
    }
    isHuge ||= digits > MOST_DIGITS || (digits > 0 && (code | CASE) === LOWER_E);
    digits = 0;
    if (code === QUOTE) index = endOfString(text, index);
    else if (code === OPEN_LIST || code === OPEN_OBJECT) deepest = Math.max(deepest, ++depth);
    else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth -= 1;
  }
  const mayHoldOddities = isHuge || digits > MOST_DIGITS || text.includes('__proto__') || text.includes('\\u');
  return { depth: deepest, mayHoldOddities };
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** Where the string that begins at `start` ends; the end of the text when it does not. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (text.charCodeAt(before - 1) === BACKSLASH) before -= 1;
    // An even number of backslashes escape each other, an odd one escapes the quote.
    if ((end - before) % 2 === 0) return end;
  }
  return text.length;
}
