import { inspect } from './inspect.js';
import { indexOf, slice, stringify } from './pristine.js';

const DIRECTIVES = {
  __proto__: null,
  s: (value) => (typeof value === 'object' ? inspect(value, 1) : String(value)),
  d: (value) => (typeof value === 'bigint' ? `${value}n` : `${Number(value)}`),
  i: (value) => (typeof value === 'bigint' ? `${value}n` : `${Number.parseInt(value, 10)}`),
  f: (value) => `${Number.parseFloat(value)}`,
  j: (value) => `${stringify(value)}`,
  o: (value) => inspect(value),
  O: (value) => inspect(value),
};

/** The text of a `console.log`: its first argument may be a pattern with `%s` and the like. */
export function format(values) {
  let text = '';
  let used = 0;
  if (typeof values[0] === 'string' && values.length > 1) [text, used] = fill(values[0], values);
  for (; used < values.length; used++) {
    const value = values[used];
    text += `${used === 0 ? '' : ' '}${typeof value === 'string' ? value : inspect(value)}`;
  }
  return text;
}

/** The pattern with its directives filled, and how many of the values that took, the pattern itself among them. */
function fill(pattern, values) {
  let text = '';
  let used = 1;
  let from = 0;
  for (let at = indexOf(pattern, '%'); at !== -1; at = indexOf(pattern, '%', from)) {
    const render = used < values.length ? DIRECTIVES[pattern[at + 1]] : undefined;
    text += slice(pattern, from, at);
    from = at + 2;
    if (pattern[at + 1] === '%') text += '%';
    else text += render ? render(values[used++]) : slice(pattern, at, from);
  }
  return [text + slice(pattern, from), used];
}
