import { isObject } from '../dialects/json-reader.ts';

/*
 * How much input a request can be, whatever the dialect: a walk over its JSON that needs to understand little of it.
 *
 * A byte-level tokenizer makes at most one token of a byte, so the bytes of all text bound its tokens from above. Pictures
 * and documents are billed by size; what counts is the most that a vendor makes of one.
 */

/** The most tokens that a vendor makes of one picture, with room: 1,568 at Anthropic, 4,128 at Gemini, up to 5,000 at OpenAI. */
const IMAGE_TOKENS = 6_000;
/** The most of a page of a document, as text and as a picture. */
const PAGE_TOKENS = 4_000;
/** A page is hardly ever smaller; a vendor takes no more than the second number of them. */
const LEAST_PAGE_BYTES = 2_000;
const MOST_PAGES = 1_000;
/** Role, separators and the like around a message, tool or part, with room. */
const FRAME_TOKENS = 8;
/** About four bytes of English are a token. */
const BYTES_A_TOKEN = 4;

const IMAGES: ReadonlySet<unknown> = new Set(['image', 'image_url', 'input_image']);
const DOCUMENTS: ReadonlySet<unknown> = new Set(['document', 'file', 'input_file']);
const DEEPEST = 64;

/** Bounds on the tokens of an input: no fewer than about `likely`, and never more than `most`. */
export type InputBound = { likely: number; most: number };

export function inputBoundOf(body: unknown): InputBound {
  const bound: InputBound = { likely: 0, most: FRAME_TOKENS };
  add(bound, body, 0);
  bound.likely = Math.ceil(bound.likely);
  return bound;
}

function add(bound: InputBound, value: unknown, depth: number): void {
  if (depth > DEEPEST) return;
  if (typeof value === 'string') addText(bound, value);
  else if (typeof value === 'number' || typeof value === 'boolean') bound.most += FRAME_TOKENS;
  else if (Array.isArray(value)) for (const item of value) add(bound, item, depth + 1);
  else if (isObject(value)) addObject(bound, value, depth);
}

function addText(bound: InputBound, text: string): void {
  const bytes = Buffer.byteLength(text);
  bound.most += bytes;
  bound.likely += bytes / BYTES_A_TOKEN;
}

function addObject(bound: InputBound, value: { [key: string]: unknown }, depth: number): void {
  bound.most += FRAME_TOKENS;
  if (IMAGES.has(value['type'])) {
    bound.most += IMAGE_TOKENS;
    bound.likely += IMAGE_TOKENS / BYTES_A_TOKEN;
  } else if (DOCUMENTS.has(value['type'])) {
    const pages = Math.min(MOST_PAGES, Math.ceil(JSON.stringify(value).length / LEAST_PAGE_BYTES));
    bound.most += pages * PAGE_TOKENS;
    bound.likely += (pages * PAGE_TOKENS) / BYTES_A_TOKEN;
  } else {
    for (const [name, item] of Object.entries(value)) {
      bound.most += name.length;
      add(bound, item, depth + 1);
    }
  }
}
