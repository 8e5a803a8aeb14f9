import type { IncomingHttpHeaders } from 'node:http';

/** Bytes of a content: from the first, up to and without the last. */
type Part = { start: number; end: number };

/**
 * Reads which part of a content a request asks for (RFC 9110, section 14.2). Who asks for several parts at once, in other
 * units than bytes, or in a form that is none, gets the whole: that is what the standard leaves to servers, and a list of a
 * thousand small parts costs its sender nothing. So does who holds a part of other content (`If-Range`).
 */
export function partOf(
  headers: IncomingHttpHeaders,
  { tag, size }: { tag: string; size: number },
): Part | 'whole' | 'unsatisfiable' {
  const { range } = headers;
  const held = headers['if-range'];
  const asked = typeof range === 'string' ? /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(range) : null;
  if (!asked || (held !== undefined && held !== `"${tag}"`)) return 'whole';
  const [, first = '', last = ''] = asked;
  if (first === '') return suffix(last, size);
  const [start, end] = [Number(first), last === '' ? size : Math.min(Number(last) + 1, size)];
  if (last !== '' && Number(last) < start) return 'whole';
  return start < size ? { start, end } : 'unsatisfiable';
}

function suffix(length: string, size: number): Part | 'whole' | 'unsatisfiable' {
  if (length === '') return 'whole';
  if (Number(length) === 0) return 'unsatisfiable';
  return size === 0 ? 'whole' : { start: Math.max(0, size - Number(length)), end: size };
}
