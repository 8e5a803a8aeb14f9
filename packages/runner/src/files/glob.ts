/**
 * Matches paths as shells do: `?` and `*` stay within one name, `**` between slashes spans any number of folders,
 * and a name with a leading dot is only met by a pattern that writes the dot.
 */
export type Glob = { pattern: string; literal: boolean; matches(path: string): boolean };

/** Compiles a pattern. Any text is a pattern; there are no invalid ones. */
export function glob(pattern: string): Glob {
  const names = pattern.split('/');
  return {
    pattern,
    literal: !/[*?]/.test(pattern),
    matches: (path) => wild(names, path.split('/'), (name) => name === '**', matchesName),
  };
}

function matchesName(pattern: string, name: string): boolean {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false;
  return wild(
    [...pattern],
    [...name],
    (sign) => sign === '*',
    (sign, letter) => sign === '?' || sign === letter,
  );
}

/**
 * Matches a sequence against a pattern in which some elements stand for any number of elements. Only the last such
 * element is ever tried again, so the time is the product of the lengths at most: patterns come from strangers.
 */
function wild(
  pattern: readonly string[],
  items: readonly string[],
  isAny: (element: string) => boolean,
  matchesOne: (element: string, item: string) => boolean,
): boolean {
  let at = 0;
  let retry: { pattern: number; item: number } | undefined;
  for (let item = 0; item < items.length; ) {
    const element = pattern[at];
    if (element !== undefined && isAny(element)) {
      retry = { pattern: at, item };
      at += 1;
    } else if (element !== undefined && matchesOne(element, items[item] ?? '')) {
      at += 1;
      item += 1;
    } else if (retry && !hidden(items[retry.item])) {
      retry.item += 1;
      at = retry.pattern + 1;
      item = retry.item;
    } else {
      return false;
    }
  }
  return pattern.slice(at).every(isAny);
}

/** A folder that `**` does not enter. Single letters, which `*` goes over, are never hidden: `.` inside a name is fine. */
const hidden = (item: string | undefined): boolean => item !== undefined && item.length > 1 && item.startsWith('.');
