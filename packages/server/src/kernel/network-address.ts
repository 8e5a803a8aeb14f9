const MAPPED = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;

/** An address as we compare it: IPv4 without its IPv6 clothes (`::ffff:192.0.2.1`), IPv6 without a zone. */
export function plainAddress(address: string): string {
  const bare = address.replace(/%.*$/, '');
  return MAPPED.exec(bare)?.[1] ?? bare;
}

/**
 * What counts as one caller: an IPv4 address, or the first 64 bits of an IPv6 address, since whoever has one of those
 * has all that begin so.
 */
export function callerOf(address: string): string {
  const plain = plainAddress(address).toLowerCase();
  if (!plain.includes(':')) return plain;
  const [head = '', tail = ''] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  const groups = plain.includes('::') ? [...left, ...zeros, ...right] : left;
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
