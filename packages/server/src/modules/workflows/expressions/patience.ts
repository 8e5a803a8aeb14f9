/** A timer that is so late was not held up by other work of ours. */
const STALLED_MS = 250;
const MOST_STALLS = 5;

/**
 * Calls back when a time is over, in which this process could work: one that was stopped, or that had no processor, gives a
 * program that waits for it as long again. Gives what calls it off.
 */
export function patience(ms: number, over: () => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = (again: number): void => {
    const due = performance.now() + ms;
    timer = setTimeout(() => (again > 0 && performance.now() - due > STALLED_MS ? wait(again - 1) : over()), ms);
  };
  wait(MOST_STALLS);
  return () => clearTimeout(timer);
}
