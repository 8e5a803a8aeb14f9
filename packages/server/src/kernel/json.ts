/** What JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * Writes a value that holds dates as JSON from which `reviveJson` makes the same value again
 * (a date becomes `{"$date": "…"}`).
 */
export function preserveJson(value: unknown): string {
  return JSON.stringify(value, function replace(this: Record<string, unknown>, key, shown) {
    const held = this[key];
    return held instanceof Date ? { $date: held.toISOString() } : shown;
  });
}

/** Reads what `preserveJson` wrote, from text or from already parsed JSON. */
export function reviveJson(stored: unknown): unknown {
  if (Array.isArray(stored)) return stored.map(reviveJson);
  if (typeof stored !== 'object' || stored === null) return stored;
  const entries = Object.entries(stored);
  const only = entries[0];
  if (entries.length === 1 && only?.[0] === '$date' && typeof only[1] === 'string') return new Date(only[1]);
  return Object.fromEntries(entries.map(([key, item]) => [key, reviveJson(item)]));
}
