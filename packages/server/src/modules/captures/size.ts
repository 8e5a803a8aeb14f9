import type { Json } from '../../kernel/json.ts';

/** Content of more bytes than this is cut: long enough for a long conversation, short enough to keep thousands. */
const MOST_BYTES = 1 << 20;

/** How many characters of a text are kept, and how many items of a list or entries of an object. */
type Most = { text: number; items: number };
/** Tried in turn until all of it fits. Few, since each is a walk that holds others up. */
const STEPS: readonly Most[] = [
  { text: 65_536, items: 1_000 },
  { text: 4_096, items: 200 },
  { text: 256, items: 20 },
];

/** Cuts a value until it fits, and leaves a mark wherever something was cut. */
export function fitted(value: Json): { value: Json; sizeBytes: number; isTruncated: boolean } {
  const whole = sizeOf(value);
  if (whole <= MOST_BYTES) return { value, sizeBytes: whole, isTruncated: false };
  for (const most of STEPS) {
    const cut = shortened(value, most);
    const sizeBytes = sizeOf(cut);
    if (sizeBytes <= MOST_BYTES) return { value: cut, sizeBytes, isTruncated: true };
  }
  const nothing = { cut: `${whole} bytes` };
  return { value: nothing, sizeBytes: sizeOf(nothing), isTruncated: true };
}

const sizeOf = (value: Json): number => Buffer.byteLength(JSON.stringify(value));

/** Cuts texts from behind, lists in their middle, and objects after their first entries. */
function shortened(value: Json, most: Most): Json {
  if (typeof value === 'string') return shortText(value, most.text);
  if (Array.isArray(value)) return shortList(value, most);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value);
  const kept: [string, Json][] = entries.slice(0, most.items).map(([key, item]) => [key, shortened(item, most)]);
  if (entries.length > most.items) kept.push(['cut', `${entries.length - most.items} entries`]);
  return Object.fromEntries(kept);
}

const shortText = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most)} … [cut: ${text.length - most} characters]`;

function shortList(list: readonly Json[], most: Most): Json[] {
  const half = most.items / 2;
  const short = (items: readonly Json[]): Json[] => items.map((item) => shortened(item, most));
  if (list.length <= most.items) return short(list);
  return [...short(list.slice(0, half)), { cut: `${list.length - most.items} items` }, ...short(list.slice(-half))];
}
