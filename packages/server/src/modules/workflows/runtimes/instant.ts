import type { Json } from '../../../kernel/json.ts';
import { mergeInto } from '../context/context.ts';
import type { Result } from '../engine/model.ts';
import { nodeErrors } from '../errors.ts';
import type { JsonObject, NodeDefinition } from '../model.ts';
import { completed } from './model.ts';

type Config = { merge: { merge: 'replace' | 'deep_merge' }; fan_in: { as: 'list' | 'concat' | 'object' | 'first' } };

/**
 * Native nodes that only move values, by their operation: nothing of them is lost when they are made again, so that they
 * can begin and end in the transaction that makes them ready. @throws AppError `invalid` for inputs that cannot be moved so
 */
export const INSTANT: Readonly<Record<string, (node: NodeDefinition, input: JsonObject) => Result>> = {
  noop: (_node, input) => completed(input),
  merge: (node, input) => completed(mergedInputs(input, (node.config as Config['merge']).merge)),
  fan_in: (node, input) => completed(broughtTogether(Object.entries(input), (node.config as Config['fan_in']).as)),
};

/** Whether a node waits for nothing: no condition of its own, no list, no worker that can do what it requires. */
export const isInstant = ({ runtime, operation, when, forEach, requires }: NodeDefinition): boolean =>
  runtime === 'native' &&
  Object.hasOwn(INSTANT, operation) &&
  when === null &&
  forEach === null &&
  requires.every((capability) => capability === 'native');

function mergedInputs(input: JsonObject, merge: Config['merge']['merge']): Json {
  const names = Object.keys(input).sort();
  return names.reduce<Json>((all, name) => {
    const value = input[name] ?? null;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw nodeErrors.no_object(`The input "${name}" is no object: only objects can be merged.`);
    return merge === 'deep_merge' ? mergeInto(all, value) : { ...(all as JsonObject), ...value };
  }, {});
}

function broughtTogether(inputs: [string, Json][], as: Config['fan_in']['as']): Json {
  const values = inputs.map(([, value]) => value);
  switch (as) {
    case 'object':
      return Object.fromEntries(inputs);
    case 'list':
      return values;
    case 'concat':
      return values.flatMap((value) => (Array.isArray(value) ? value : [value]));
    case 'first':
      return values.find((value) => value !== null) ?? null;
  }
}
