import { AppError } from './errors.ts';

/** A slice of a list: the items, and where the next one starts. */
export type Page<Item> = { items: Item[]; nextCursor: string | null };

/** Writes a cursor: opaque to callers, a JSON tuple of sort keys to us. */
export const encodeCursor = (keys: readonly (string | number)[]): string =>
  Buffer.from(JSON.stringify(keys)).toString('base64url');

/**
 * Reads a cursor of `length` keys back.
 * @throws AppError `invalid` (`page.cursor_invalid`) when it is not one that we wrote.
 */
export function decodeCursor(cursor: string, length: number): (string | number)[] {
  try {
    const keys: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    const isKey = (key: unknown): key is string | number => typeof key === 'string' || Number.isSafeInteger(key);
    if (Array.isArray(keys) && keys.length === length && keys.every(isKey)) return keys;
  } catch {
    // Falls through to the refusal: the text was not JSON.
  }
  throw new AppError(
    'invalid',
    'page.cursor_invalid',
    'The cursor is not one this server gave. Start again without it.',
    {
      faults: [{ field: 'cursor', constraint: 'cursor', message: 'Use `links.next` of the page before.' }],
    },
  );
}
