/** How a pool makes, checks and drops what it keeps. */
export type WarmPoolOptions<K, T> = {
  /** Starts one; undefined when there is no room for it now. */
  start(kind: K): T | undefined;
  /** Whether it can still be used. */
  isAlive(item: T): boolean;
  discard(item: T): void;
  /** Names a kind: two with the same name are interchangeable. */
  nameOf(kind: K): string;
  /** Kinds of one family replace each other: only the one asked for last is kept at rest. */
  familyOf(kind: K): string;
  /** How many of a family to keep at rest. */
  atRest(family: string): number;
  /** The most to keep of one kind, however much it is asked for. */
  mostOfKind: number;
  /** The most to keep in all. */
  capacity: number;
  /** A kind that was not asked for during this time goes back to rest. */
  restAfterMs: number;
  /** What was taken is replaced so much later, unless `refill` is called before: whoever took it has the machine first. */
  refillAfterMs: number;
  now?: () => number;
};

type Shelf<K, T> = { kind: K; items: T[]; wanted: number; askedAt: number };

/**
 * Keeps things ready that take time to start and serve once. What is asked for most is kept most: each time a kind
 * runs out, one more of it is kept from then on.
 */
export class WarmPool<K, T> {
  readonly #options: WarmPoolOptions<K, T>;
  readonly #shelves = new Map<string, Shelf<K, T>>();
  readonly #now: () => number;
  #soon: NodeJS.Immediate | undefined;
  #later: NodeJS.Timeout | undefined;
  #rest: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: WarmPoolOptions<K, T>, kinds: readonly K[]) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    for (const kind of kinds) this.#shelfOf(kind);
  }

  /** Begins to keep things ready. */
  start(): void {
    this.#rest = setInterval(() => this.settle(), this.#options.restAfterMs);
    this.#rest.unref();
    this.refill();
  }

  get size(): number {
    return this.#shelves.values().reduce((sum, { items }) => sum + items.length, 0);
  }

  /** One that was started ahead, or undefined: then start it yourself. The oldest comes first, as it is ready first. */
  take(kind: K): T | undefined {
    const shelf = this.#shelfOf(kind);
    shelf.askedAt = this.#now();
    for (const other of this.#family(shelf)) if (other !== shelf) other.wanted = 0;
    const item = this.#nextAlive(shelf);
    if (item === undefined) shelf.wanted = Math.min(this.#options.mostOfKind, shelf.wanted + 1);
    shelf.wanted = Math.max(shelf.wanted, this.#options.atRest(this.#options.familyOf(kind)));
    if (!this.#closed) this.#later ??= setTimeout(() => this.refill(), this.#options.refillAfterMs);
    return item;
  }

  /** Starts what is missing, as soon as what is being done now is done. */
  refill(): void {
    clearTimeout(this.#later);
    this.#later = undefined;
    if (this.#closed || this.#soon !== undefined) return;
    this.#soon = setImmediate(() => {
      this.#soon = undefined;
      this.#fill();
    });
  }

  /** Lets kinds that nobody asks for go back to rest. */
  settle(): void {
    const before = this.#now() - this.#options.restAfterMs;
    for (const [name, shelf] of this.#shelves) {
      if (shelf.askedAt > before) continue;
      const atRest = this.#isCurrent(shelf) ? this.#options.atRest(this.#options.familyOf(shelf.kind)) : 0;
      shelf.wanted = Math.min(shelf.wanted, atRest);
      this.#trim(shelf);
      if (!this.#isCurrent(shelf)) this.#shelves.delete(name);
    }
  }

  /** Drops everything, for good. */
  close(): void {
    this.#closed = true;
    clearImmediate(this.#soon);
    clearTimeout(this.#later);
    clearInterval(this.#rest);
    for (const shelf of this.#shelves.values()) {
      shelf.wanted = 0;
      this.#trim(shelf);
    }
  }

  #shelfOf(kind: K): Shelf<K, T> {
    const name = this.#options.nameOf(kind);
    const known = this.#shelves.get(name);
    if (known) return known;
    const wanted = this.#options.atRest(this.#options.familyOf(kind));
    const shelf = { kind, items: [], wanted, askedAt: this.#now() };
    this.#shelves.set(name, shelf);
    return shelf;
  }

  #family(shelf: Shelf<K, T>): Shelf<K, T>[] {
    const family = this.#options.familyOf(shelf.kind);
    return [...this.#shelves.values()].filter(({ kind }) => this.#options.familyOf(kind) === family);
  }

  #isCurrent(shelf: Shelf<K, T>): boolean {
    return this.#family(shelf).every(({ askedAt }) => askedAt <= shelf.askedAt);
  }

  #nextAlive(shelf: Shelf<K, T>): T | undefined {
    for (let item = shelf.items.shift(); item !== undefined; item = shelf.items.shift()) {
      if (this.#options.isAlive(item)) return item;
      this.#options.discard(item);
    }
    return undefined;
  }

  #fill(): void {
    // Those asked for last come first, and what is left over of others makes room.
    const shelves = [...this.#shelves.values()].sort((a, b) => b.askedAt - a.askedAt);
    for (const shelf of shelves) this.#trim(shelf);
    for (const shelf of shelves) {
      while (shelf.items.length < shelf.wanted) {
        if (this.size >= this.#options.capacity && !this.#makeRoom(shelf)) return;
        const item = this.#options.start(shelf.kind);
        if (item === undefined) return;
        shelf.items.push(item);
      }
    }
  }

  /** Drops one of the kind that was asked for longest ago, unless that is this one. */
  #makeRoom(for_: Shelf<K, T>): boolean {
    const stocked = [...this.#shelves.values()].filter(({ items }) => items.length > 0);
    const oldest = stocked.reduce((a, b) => (b.askedAt < a.askedAt ? b : a), for_);
    const item = oldest === for_ ? undefined : oldest.items.shift();
    if (item === undefined) return false;
    oldest.wanted -= 1;
    this.#options.discard(item);
    return true;
  }

  #trim(shelf: Shelf<K, T>): void {
    while (shelf.items.length > shelf.wanted) {
      const item = shelf.items.shift();
      if (item !== undefined) this.#options.discard(item);
    }
  }
}
