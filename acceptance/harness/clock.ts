/** Settings that make a server's clock differ from the database's by so many milliseconds. */
export const shiftedClock = (ms: number): { NODE_OPTIONS: string } => ({
  NODE_OPTIONS: `--import=${new URL(`shifted-clock.mjs?ms=${ms}`, import.meta.url)}`,
});
