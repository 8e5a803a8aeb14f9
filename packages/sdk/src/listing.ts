/** How to go through a list page by page. */
export type Paging<Answer, Item> = {
  /** Asks for a page; `from` is what `next` gave for the one before. */
  fetch(from: string | undefined): Promise<Answer>;
  items(answer: Answer): readonly Item[];
  /** Where the next page begins; null after the last. */
  next(answer: Answer): string | null;
};

/**
 * A list that the server gives in pages. Nothing is asked for before it is read: loop over it for every item, or over
 * `pages()`, or take the first page alone.
 */
export class Listing<Answer, Item> implements AsyncIterable<Item> {
  readonly #paging: Paging<Answer, Item>;

  constructor(paging: Paging<Answer, Item>) {
    this.#paging = paging;
  }

  /** The first page as the server gives it. */
  firstPage(): Promise<Answer> {
    return this.#paging.fetch(undefined);
  }

  async *pages(): AsyncGenerator<Answer, void, undefined> {
    let answer = await this.firstPage();
    yield answer;
    for (let from = this.#paging.next(answer); from !== null; from = this.#paging.next(answer)) {
      answer = await this.#paging.fetch(from);
      yield answer;
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for await (const answer of this.pages()) yield* this.#paging.items(answer);
  }

  /** Every item, or the first `limit`. */
  async toArray(options: { limit?: number } = {}): Promise<Item[]> {
    const { limit = Number.POSITIVE_INFINITY } = options;
    const items: Item[] = [];
    if (limit <= 0) return items;
    for await (const item of this) {
      items.push(item);
      if (items.length >= limit) break;
    }
    return items;
  }
}
