/** Lets a request wait for the end of an evaluation: told by the dispatcher here, and by the event feed for ends elsewhere. */
export class Endings {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** An evaluation has ended, and that is committed. */
  announce(id: string): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    for (const wake of waiting ?? []) wake();
  }

  /** Resolves at the announcement, after `ms`, or when the caller has gone. Register before reading the state. */
  wait(id: string, ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(id) ?? new Set();
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        waiting.delete(done);
        if (waiting.size === 0 && this.#waiting.get(id) === waiting) this.#waiting.delete(id);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
      this.#waiting.set(id, waiting.add(done));
      if (signal.aborted) done();
    });
  }
}
