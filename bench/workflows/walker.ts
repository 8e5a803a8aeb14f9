/** What is asked of each. */
export type Walk =
  /** Steps one after the other, in so many runs at once. */
  | { what: 'chain'; steps: number; runs: number }
  /** Steps at once, and their join. */
  | { what: 'fan-out'; steps: number };

/**
 * Something that walks workflows durably: what a step gave is on the disk before what comes behind it begins. Resolves when
 * the caller knows that the last step is done.
 */
export type Walker = (walk: Walk) => Promise<void>;

export const several = async (times: number, act: () => Promise<unknown>): Promise<void> => {
  await Promise.all(Array.from({ length: times }, act));
};
