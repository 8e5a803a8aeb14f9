/** One queue of jobs that do nothing. */
export type Queue = {
  /** Adds a job; gives what it is called. */
  add(name: string): Promise<string>;
  /** Waits until all that were added have run. */
  ended(ids: readonly string[]): Promise<void>;
  /** When each began, epoch milliseconds. */
  begun(ids: readonly string[]): Promise<ReadonlyMap<string, number>>;
};

/** How many jobs are made, and run, at once. */
export const CALLERS = 16;
