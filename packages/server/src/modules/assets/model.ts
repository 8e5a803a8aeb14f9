import type { AssetId, OrganizationId } from '../../kernel/ids.ts';
import type { SealedValue } from '../vault/index.ts';

/*
 * asset     what callers see: a file with a name, of an organization
 * content   the bytes of an asset, known by their SHA-256. An organization keeps each once, for all its assets
 * object    content as the store of bytes has it, under a name that is used once and never again
 * upload    an object that is being written and that no content has taken over yet
 */

/** A stored file as an organization sees it. `digest` is the SHA-256 of the content, in hex. */
export type Asset = {
  id: AssetId;
  orgId: OrganizationId;
  digest: string;
  sizeBytes: number;
  mediaType: string;
  filename: string;
  /** Null where a program of the organization left it behind, and not a caller. */
  createdBy: { kind: string; id: string } | null;
  createdAt: Date;
  expiresAt: Date | null;
};

/** Bytes of content: from the first, up to and without the last. */
export type Range = { start: number; end: number };

/** An object that is written and known, and that an asset may be made of. */
export type Stored = { object: string; digest: string; sizeBytes: number; seal: SealedValue | null };

/** Where content is, and the sealed key that it is sealed with; null where it lies there as it is. */
export type Located = Pick<Stored, 'object' | 'sizeBytes' | 'seal'> & { orgId: string };

const MOST_NAME_BYTES = 255;
const CONTROLS = /[\p{Cc}\u2028\u2029]/u;
/** They turn the order of what follows, and `exe.gpj` looks like a picture. */
const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** What is wrong with a file's name, as the rest of a sentence that begins with it; null when nothing is. */
export function faultOfName(name: string): string | null {
  if (name.trim() === '') return 'must not be blank';
  if (Buffer.byteLength(name) > MOST_NAME_BYTES) return `must be no longer than ${MOST_NAME_BYTES} bytes`;
  if (/[/\\]/.test(name) || name === '.' || name === '..') return 'must be a name, not a path';
  if (CONTROLS.test(name) || DIRECTIONS.test(name) || !name.isWellFormed())
    return 'must have no control characters, nor any that turn the direction of text';
  return null;
}

const TOKEN = "[\\w!#$%&'*+.^`|~-]{1,100}";
const MEDIA_TYPE = new RegExp(
  `^${TOKEN}/${TOKEN}(?:\\s*;\\s*${TOKEN}=(?:${TOKEN}|"[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]{0,100}"))*$`,
);
const MOST_TYPE_CHARACTERS = 255;

/** Whether a text is a media type (RFC 9110, section 8.3.1). */
export const isMediaType = (text: string): boolean => text.length <= MOST_TYPE_CHARACTERS && MEDIA_TYPE.test(text);

/** Whether files of a type may be stored: it is one of the allowed, or of an allowed family (`image/*`). None named: all are. */
export function isAllowedType(mediaType: string, allowed: readonly string[]): boolean {
  const essence = (mediaType.split(';', 1)[0] ?? '').trim().toLowerCase();
  const family = `${essence.split('/', 1)[0]}/*`;
  return allowed.length === 0 || allowed.includes(essence) || allowed.includes(family);
}
