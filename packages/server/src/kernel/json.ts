/** What JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The key that a date is written under; one more `$` in front for each time that it was data. */
const DATE = '$date';
const DATE_AS_DATA = /^\$+date$/;

/**
 * Writes a value that holds dates as JSON from which `reviveJson` makes the same value again: a date becomes
 * `{"$date": "…"}`, and an object that looks like that already `{"$$date": …}`.
 */
export function preserveJson(value: unknown): string {
  return JSON.stringify(value, function replace(this: Record<string, unknown>, key, shown) {
    const held = this[key];
    if (held instanceof Date) return { [DATE]: held.toISOString() };
    const only = onlyEntry(shown);
    return only !== null && DATE_AS_DATA.test(only[0]) ? { [`$${only[0]}`]: only[1] } : shown;
  });
}

/** Reads what `preserveJson` wrote, from already parsed JSON. */
export function reviveJson(stored: unknown): unknown {
  if (Array.isArray(stored)) return stored.map(reviveJson);
  if (typeof stored !== 'object' || stored === null) return stored;
  const only = onlyEntry(stored);
  if (only !== null && only[0] === DATE) return new Date(String(only[1]));
  if (only !== null && DATE_AS_DATA.test(only[0])) return { [only[0].slice(1)]: reviveJson(only[1]) };
  return Object.fromEntries(Object.entries(stored).map(([key, item]) => [key, reviveJson(item)]));
}

function onlyEntry(value: unknown): [string, unknown] | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const [only, ...others] = Object.entries(value);
  return only !== undefined && others.length === 0 ? only : null;
}
