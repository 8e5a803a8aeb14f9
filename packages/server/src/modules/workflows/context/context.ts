import type { Json } from '../../../kernel/json.ts';
import { contextErrors } from '../errors.ts';
import type { ContextPath, InputBinding, Item, JsonObject, Merge, OutputBinding, Source } from '../model.ts';

/*
 * The shared context of a run: a JSON object that nodes read from and write to by paths. Nothing here changes a value in
 * place; what is written shares what it can with what was there.
 */

const INDEX = /^(?:0|[1-9]\d{0,8})$/;

/** What a path begins with: the whole context, or the item that a node runs for. */
export type PathRoot = '$context' | '$item';

/** Reads a path like `$context.order.lines.0`; null for text that is none. `$context` alone is the whole context. */
export function readPath(text: string, root: PathRoot = '$context'): ContextPath | null {
  if (text === root) return [];
  if (!text.startsWith(`${root}.`)) return null;
  const steps = text.slice(root.length + 1).split('.');
  return steps.every((step) => step !== '') ? steps : null;
}

export const pathText = (path: ContextPath, root: PathRoot = '$context'): string => [root, ...path].join('.');

/**
 * The value at a path.
 * @throws AppError `invalid` (`workflow_context.no_such_path`) where there is none; null that was written is a value
 */
export function valueAt(whole: Json, path: ContextPath, root: PathRoot = '$context'): Json {
  let value = whole;
  for (const step of path) {
    const next = stepInto(value, step);
    if (next === undefined)
      throw contextErrors.no_such_path(`There is nothing at ${pathText(path, root)}: there is no "${step}".`);
    value = next;
  }
  return value;
}

function stepInto(value: Json, step: string): Json | undefined {
  if (Array.isArray(value)) return INDEX.test(step) ? value[Number(step)] : undefined;
  if (typeof value === 'object' && value !== null) return Object.hasOwn(value, step) ? value[step] : undefined;
  return undefined;
}

/** The input of a node. @throws AppError `invalid` when the context or the item lacks what it needs */
export function bindInputs(bindings: readonly InputBinding[], context: JsonObject, item: Item | null): JsonObject {
  return fromEntries(bindings.map(({ name, source }) => [name, sourced(source, context, item)]));
}

/** What a source gives. @throws AppError `invalid` when there is nothing there */
export function sourced(source: Source, context: JsonObject, item: Item | null): Json {
  switch (source.kind) {
    case 'context':
      return valueAt(context, source.path);
    case 'item':
      return valueAt(item?.value ?? null, source.path, '$item');
    case 'index':
      return item?.index ?? null;
    case 'literal':
      return source.value;
  }
}

/** The context after a node has written its output. */
export function bindOutputs(bindings: readonly OutputBinding[], output: Json, context: JsonObject): JsonObject {
  return bindings.reduce((written, { name, path, merge }) => {
    const value = name === null ? output : fieldOf(output, name);
    return write(written, path, (there) => merged(merge, there, value), path) as JsonObject;
  }, context);
}

function fieldOf(output: Json, name: string): Json {
  const value = stepInto(output, name);
  if (value === undefined) throw contextErrors.no_such_path(`The output has no field "${name}".`);
  return value;
}

type Change = (there: Json | undefined) => Json;

function write(value: Json | undefined, path: ContextPath, change: Change, whole: ContextPath): Json {
  const [step, ...rest] = path;
  if (step === undefined) return change(value);
  if (value === undefined) return fromEntries([[step, write(undefined, rest, change, whole)]]);
  if (Array.isArray(value)) return writeIndex(value, step, (there) => write(there, rest, change, whole), whole);
  if (typeof value !== 'object' || value === null) {
    const taken = pathText(whole.slice(0, whole.length - path.length));
    throw contextErrors.not_a_container(`${pathText(whole)} cannot be written: ${taken} is no object or list.`);
  }
  const there = Object.hasOwn(value, step) ? value[step] : undefined;
  return fromEntries([
    ...Object.entries(value).filter(([key]) => key !== step),
    [step, write(there, rest, change, whole)],
  ]);
}

function writeIndex(list: Json[], step: string, change: Change, whole: ContextPath): Json[] {
  const index = INDEX.test(step) ? Number(step) : Number.NaN;
  if (!(index <= list.length)) {
    throw contextErrors.not_a_container(
      `${pathText(whole)} cannot be written: "${step}" is no place in a list of ${list.length}.`,
    );
  }
  const copy = [...list];
  copy[index] = change(list[index]);
  return copy;
}

function merged(merge: Merge, there: Json | undefined, value: Json): Json {
  if (there === undefined) return merge === 'append' ? listOf(value) : value;
  switch (merge) {
    case 'replace':
      return value;
    case 'keep_first':
      return there;
    case 'append':
      return [...listOf(there), ...listOf(value)];
    case 'deep_merge':
      return mergeInto(there, value);
  }
}

const listOf = (value: Json): Json[] => (Array.isArray(value) ? value : [value]);

/** Objects are merged key by key; of everything else the later one stays. */
export function mergeInto(there: Json, value: Json): Json {
  if (!isObject(there) || !isObject(value)) return value;
  const keys = new Set([...Object.keys(there), ...Object.keys(value)]);
  return fromEntries(
    [...keys].map((key) => {
      if (!Object.hasOwn(value, key)) return [key, there[key] as Json];
      const next = value[key] as Json;
      return [key, Object.hasOwn(there, key) ? mergeInto(there[key] as Json, next) : next];
    }),
  );
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Unlike assignment this makes `__proto__` a key like any other. */
const fromEntries = (entries: readonly (readonly [string, Json])[]): JsonObject => Object.fromEntries(entries);
