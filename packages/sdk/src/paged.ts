import { cursorOf } from './cursor-of.ts';
import { Listing } from './listing.ts';

/** Which page of a list, and how long. */
export type PageQuery = { limit?: number | undefined; cursor?: string | undefined };

type Paged = { data: object; links: { next?: string | undefined } };

/** A list of `/v1`: `fetch` asks for the page at a cursor, or for the first. */
export const paged = <Answer extends Paged, Item>(
  fetch: (cursor: string | undefined) => Promise<Answer>,
  items: (data: Answer['data']) => readonly Item[],
): Listing<Answer['data'] & { next_cursor: string | null }, Item> =>
  new Listing<Answer['data'] & { next_cursor: string | null }, Item>({
    fetch: async (cursor) => {
      const { data, links } = await fetch(cursor);
      return { ...data, next_cursor: cursorOf(links.next) };
    },
    items,
    next: (page) => page.next_cursor,
  });
