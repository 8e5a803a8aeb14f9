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
  const header = headers['if-match'];
  if (header === undefined || header.trim() === '*') return null;
  if (header.length > MOST_CHARACTERS || !TAGS.test(header)) {
    const message = 'If-Match must be `*`, or entity tags as `ETag` gave them, in double quotes';
    throw invalidFields([{ field: 'If-Match', constraint: 'entity_tag', message }]);
  }
  return header.split(',').flatMap((tag) => {
    const version = VERSION.exec(tag.trim())?.[1];
    return version === undefined ? [] : [Number(version)];
  });
}
