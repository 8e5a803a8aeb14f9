type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * How long an answer asks to be left alone, milliseconds; null where it does not say. `Retry-After` in seconds or as a date
 * (RFC 9110, section 10.2.3), and the finer `retry-after-ms` of some vendors.
 */
export function retryAfterOf(headers: Headers, now = new Date()): number | null {
  const fine = Number(first(headers['retry-after-ms']));
  if (Number.isFinite(fine) && fine > 0) return fine;
  const said = first(headers['retry-after']);
  if (said === undefined) return null;
  const seconds = Number(said);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(said) - now.getTime();
  return Number.isFinite(wait) && wait >= 0 ? wait : null;
}

const first = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);
