/** `links` of a page: where it is, and where the next one begins, with the same filters. */
export function pageLinks(
  path: string,
  query: Readonly<Record<string, string | number | undefined>>,
  nextCursor: string | null,
): { self: string; next?: string } {
  if (nextCursor === null) return { self: path };
  const next = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...query, cursor: nextCursor })) {
    if (value !== undefined) next.set(name, String(value));
  }
  return { self: path, next: `${path}?${next}` };
}
