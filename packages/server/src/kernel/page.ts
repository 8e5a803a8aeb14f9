import { AppError } from './errors.ts';

/** A slice of a list: the items, and where the next one starts. */
export type Page<Item> = { items: Item[]; nextCursor: string | null };

/** Writes a cursor: opaque to callers, a JSON list of sort keys to us. */
export const encodeCursor = (keys: readonly string[]): string =>
  Buffer.from(JSON.stringify(keys)).toString('base64url');

/** Whether a key of a cursor has the form that the query behind it needs: callers can write cursors too. */
export type KeyForm = (key: string) => boolean;

/**
 * Reads a cursor back: one key for each form.
 * @throws AppError `invalid` (`page.cursor_invalid`) when it is not one that we wrote
 */
export function decodeCursor(cursor: string, forms: readonly KeyForm[]): string[] {
  try {
    const keys: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    const fits = (form: KeyForm, index: number): boolean => {
      const key: unknown = (keys as unknown[])[index];
      return typeof key === 'string' && form(key);
    };
    if (Array.isArray(keys) && keys.length === forms.length && forms.every(fits)) return keys;
  } catch {
    // Falls through to the refusal: the text was not JSON.
  }
  throw new AppError(
    'invalid',
    'page.cursor_invalid',
    'The cursor is not one this server gave. Start again without it.',
    { faults: [{ field: 'cursor', constraint: 'cursor', message: 'Use `links.next` of the page before.' }] },
  );
}
