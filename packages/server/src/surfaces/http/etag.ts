import type { IncomingHttpHeaders } from 'node:http';
import type { Expected } from '../../kernel/precondition.ts';
import { invalidFields } from './surface.ts';

const TAGS = /^\s*(W\/)?"[\x21\x23-\x7e]*"\s*(,\s*(W\/)?"[\x21\x23-\x7e]*"\s*)*$/;
const VERSION = /^"(\d{1,9})"$/;
/** Longer lists are nobody's cache. */
const MOST_CHARACTERS = 1_000;

/** The `ETag` of a version. */
export const etagOf = (version: number): string => `"${version}"`;

/**
 * Reads `If-Match` (RFC 9110, section 13.1.1). Tags that are not ours match nothing, and so do weak ones.
 * @throws AppError `invalid` for a header that is no list of entity tags
 */
export function expectedVersions(headers: IncomingHttpHeaders): Expected {
  const tags = readTags(headers, 'If-Match');
  if (tags === null || tags === '*') return null;
  return tags.flatMap((tag) => {
    const version = VERSION.exec(tag)?.[1];
    return version === undefined ? [] : [Number(version)];
  });
}

/**
 * Reads what `If-Match` allows the content's tag to be, without its quotes; null: anything. Weak tags match nothing.
 * @throws AppError `invalid` for a header that is no list of entity tags
 */
export function expectedTags(headers: IncomingHttpHeaders): string[] | null {
  const tags = readTags(headers, 'If-Match');
  if (tags === null || tags === '*') return null;
  return tags.filter((tag) => tag.startsWith('"')).map((tag) => tag.slice(1, -1));
}

/**
 * Whether a caller has this content already (`If-None-Match`, RFC 9110, section 13.1.2).
 * @throws AppError `invalid` for a header that is no list of entity tags
 */
export function isKnown(headers: IncomingHttpHeaders, tag: string): boolean {
  const tags = readTags(headers, 'If-None-Match');
  return tags === '*' || tags?.some((known) => known.replace(/^W\//, '') === `"${tag}"`) === true;
}

function readTags(headers: IncomingHttpHeaders, name: 'If-Match' | 'If-None-Match'): string[] | '*' | null {
  const header = headers[name.toLowerCase() as 'if-match' | 'if-none-match'];
  if (header === undefined) return null;
  if (header.trim() === '*') return '*';
  if (header.length > MOST_CHARACTERS || !TAGS.test(header)) {
    const message = `${name} must be \`*\`, or entity tags as \`ETag\` gave them, in double quotes`;
    throw invalidFields([{ field: name, constraint: 'entity_tag', message }]);
  }
  return header.split(',').map((tag) => tag.trim());
}
