const MOST_CHARACTERS = 40;

/**
 * A slug of a name that nobody has: what of it fits an address, and the beginning of the organization's id. Names in
 * other scripts leave the id alone.
 */
export function freeSlug(name: string, id: string): string {
  const words = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MOST_CHARACTERS)
    .replace(/^-+|-+$/g, '');
  return [words || 'org', id.slice(0, 8)].join('-');
}
