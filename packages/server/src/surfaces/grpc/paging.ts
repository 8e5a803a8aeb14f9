import { AppError } from '../../kernel/errors.ts';
import { invalidFields } from '../http/surface.ts';

/**
 * The size of a page: what was asked for, or the usual one for 0.
 * @throws AppError `invalid` for less than none and more than most
 */
export function pageSizeOf(asked: number, { usual, most }: { usual: number; most: number }): number {
  if (asked >= 0 && asked <= most) return asked === 0 ? usual : asked;
  throw invalidFields([{ field: 'page_size', constraint: 'range', message: `Field page_size: must be 0 to ${most}` }]);
}

/** Reads a page; a cursor that is not ours is refused by the name that it has here, `page_token`. */
export async function pageTokenOf<Result>(read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (thrown) {
    if (!(thrown instanceof AppError) || thrown.code !== 'page.cursor_invalid') throw thrown;
    throw tokenInvalid(thrown);
  }
}

const MESSAGE = 'Field page_token: must be the next_page_token of the page before';
const tokenInvalid = (cause: AppError): AppError =>
  new AppError('invalid', cause.code, MESSAGE, {
    faults: [{ field: 'page_token', constraint: 'cursor', message: MESSAGE }],
    cause,
  });

/** How lists of `/v1` are paged, here as over HTTP. */
const PAGES = { usual: 50, most: 200 };

/** The page that is asked for. */
export const pageOf = ({ pageSize, pageToken }: { pageSize: number; pageToken: string }) => ({
  limit: pageSizeOf(pageSize, PAGES),
  cursor: pageToken === '' ? null : pageToken,
});
