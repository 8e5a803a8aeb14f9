import type { Listing } from '@assay/sdk';
import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { wholeNumber } from './option-value.ts';
import { pageOf } from './page-of.ts';
import type { Human } from './view.ts';

/** Which page of a list is wanted. */
export type PageOptions = { limit: number; cursor?: string; all?: boolean };

/** Adds the options that say which page of a list is printed. */
export const addPageOptions = (command: Command): Command =>
  command
    .option('--limit <n>', 'how many, at most 200', wholeNumber, 20)
    .option('--cursor <cursor>', 'where a page before this one ended')
    .option('--all', 'every one, however many there are');

type Shown<Page, Item> = {
  listing: Listing<Page, Item>;
  all: boolean | undefined;
  itemsOf(page: Page): Item[];
  /** The key of the items in the document. */
  name: string;
  id(item: Item): string;
  human(items: Item[]): Human;
};

/** Prints a page of a list, or all of it, and where the next one begins. */
export async function showPage<Page extends { next_cursor: string | null }, Item>(
  { printer }: Cli,
  { listing, all, itemsOf, name, id, human }: Shown<Page, Item>,
): Promise<void> {
  const { items, next_cursor } = await pageOf(listing, all, itemsOf);
  await printer.show({ document: { [name]: items, next_cursor }, ids: items.map(id), human: human(items) });
  if (next_cursor !== null) await printer.note(`There are more. The next: --cursor ${next_cursor}`);
}
