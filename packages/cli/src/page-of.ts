import type { Listing } from '@assay/sdk';

/** One page of a list, or all of it as one. */
export async function pageOf<Page extends { next_cursor: string | null }, Item>(
  listing: Listing<Page, Item>,
  all: boolean | undefined,
  itemsOf: (page: Page) => Item[],
): Promise<{ items: Item[]; next_cursor: string | null }> {
  if (all) return { items: await listing.toArray(), next_cursor: null };
  const page = await listing.firstPage();
  return { items: itemsOf(page), next_cursor: page.next_cursor };
}
