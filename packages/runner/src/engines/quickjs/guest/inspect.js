import {
  functionText,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  indexOf,
  isArray,
  isoText,
  isView,
  join,
  keys,
  push,
  regexpText,
  replaceAll,
  slice,
  stringify,
  symbolText,
  timeOf,
  trimEnd,
} from './pristine.js';

const MAX_DEPTH = 2;
const MAX_ITEMS = 100;
const LINE_WIDTH = 72;

/** Shows a value as Node's `util.inspect` shows the everyday ones. */
export function inspect(value, depth = 0, seen = []) {
  if (typeof value === 'function') return functionLabel(value);
  if (typeof value !== 'object' || value === null) return primitiveText(value);
  if (value instanceof Error) return errorText(value);
  if (value instanceof Date) return Number.isNaN(timeOf(value)) ? 'Invalid Date' : isoText(value);
  if (value instanceof RegExp) return regexpText(value);
  for (const outer of seen) if (outer === value) return '[Circular]';
  if (depth > MAX_DEPTH) return isArray(value) ? '[Array]' : '[Object]';
  push(seen, value);
  const text = collectionText(value, depth, seen);
  seen.length -= 1;
  return text;
}

/** An error with its stack and its causes. */
export function errorText(error) {
  const stack = typeof error.stack === 'string' ? trimEnd(error.stack) : '';
  const title = error.message === '' ? `${error.name}` : `${error.name}: ${error.message}`;
  // The interpreter's own stacks have frames only, those of errors made by the host start with the title.
  const body = slice(stack, 0, title.length) === title ? stack : `${title}\n${stack}`;
  const text = stack === '' ? `[${title}]` : body;
  return error.cause === undefined ? text : `${text}\n  [cause]: ${indent(inspect(error.cause, 1))}`;
}

function collectionText(value, depth, seen) {
  const within = (item) => inspect(item, depth + 1, seen);
  if (isArray(value)) return frame('[', capped(value, value.length, within), ']');
  if (value instanceof Map) {
    const items = capped(value, value.size, ([key, item]) => `${within(key)} => ${within(item)}`);
    return frame(`Map(${value.size}) {`, items, '}');
  }
  if (value instanceof Set) return frame(`Set(${value.size}) {`, capped(value, value.size, within), '}');
  if (isView(value) && !(value instanceof DataView)) {
    return frame(`${value.constructor.name}(${value.length}) [`, capped(value, value.length, within), ']');
  }
  const names = keys(value);
  const items = capped(names, names.length, (key) => propertyText(value, key, within));
  return frame(openingOf(value), items, '}');
}

function openingOf(value) {
  if (getPrototypeOf(value) === null) return '[Object: null prototype] {';
  const name = value.constructor?.name;
  return typeof name !== 'string' || name === '' || name === 'Object' ? '{' : `${name} {`;
}

function propertyText(object, key, within) {
  const { get, set, value } = getOwnPropertyDescriptor(object, key) ?? {};
  const label = /^[A-Za-z_$][\w$]*$/.test(key) ? key : primitiveText(key);
  if (get) return `${label}: ${set ? '[Getter/Setter]' : '[Getter]'}`;
  return set ? `${label}: [Setter]` : `${label}: ${within(value)}`;
}

function capped(values, total, render) {
  const items = [];
  for (const value of values) {
    if (items.length === MAX_ITEMS) break;
    push(items, render(value));
  }
  const more = total - items.length;
  if (more > 0) push(items, `... ${more} more item${more === 1 ? '' : 's'}`);
  return items;
}

function frame(open, items, close) {
  if (items.length === 0) return open + close;
  const line = join(items, ', ');
  const fits = open.length + line.length <= LINE_WIDTH && indexOf(line, '\n') === -1;
  if (fits) return `${open} ${line} ${close}`;
  const lines = [];
  for (const item of items) push(lines, indent(item));
  return `${open}\n  ${join(lines, ',\n  ')}\n${close}`;
}

const indent = (text) => replaceAll(text, '\n', '\n  ');

function functionLabel(value) {
  const isClass = slice(functionText(value), 0, 5) === 'class';
  const name = getOwnPropertyDescriptor(value, 'name')?.value;
  if (isClass) return `[class ${name || '(anonymous)'}]`;
  return name ? `[Function: ${name}]` : '[Function (anonymous)]';
}

function primitiveText(value) {
  if (typeof value === 'string') return `'${replaceAll(slice(stringify(value), 1, -1), '\\"', '"')}'`;
  if (typeof value === 'symbol') return symbolText(value);
  if (typeof value === 'bigint') return `${value}n`;
  return Object.is(value, -0) ? '-0' : `${value}`;
}
