import type { Json } from '../../../kernel/json.ts';
import { mergeInto } from '../context/context.ts';
import type { Result } from '../engine/model.ts';
import { nodeErrors } from '../errors.ts';
import type { Expressions } from '../expressions/expressions.ts';
import type { JsonObject } from '../model.ts';
import { completed, type Handler, type Task } from './model.ts';

/* Nodes that need nothing but the context. Their configuration was read when the definition was made. */

type Config = {
  merge: { merge: 'replace' | 'deep_merge' };
  validate: { schema: JsonObject };
  transform: { expression: string };
  delay: { ms: number } | { until: string };
  branch: { cases: { when: string; to: string[] }[]; otherwise: string[] };
  fan_in: { as: 'list' | 'concat' | 'object' | 'first' };
};

const configOf = <Operation extends keyof Config>({ node }: Task, _operation: Operation): Config[Operation] =>
  node.config as Config[Operation];

/** By their operation. */
export const nativeHandlers = (expressions: Expressions): Readonly<Record<string, Handler>> => ({
  noop: async ({ input }) => completed(input),
  merge: async (task) => completed(mergedInputs(task)),
  async validate(task) {
    const { value = null } = task.input;
    const faults = await expressions.misfits(configOf(task, 'validate').schema, value, 'value');
    if (faults.length > 0) throw nodeErrors.does_not_fit('The value does not fit the schema.', { faults });
    return completed(value);
  },
  transform: async (task) =>
    completed(await expressions.transformed(configOf(task, 'transform').expression, task.input)),
  async delay(task) {
    if (task.resume !== null) return completed(task.input);
    const config = configOf(task, 'delay');
    const at = 'ms' in config ? new Date(Date.now() + config.ms) : new Date(config.until);
    return { kind: 'waiting', at, resume: {} };
  },
  async branch(task) {
    const { cases, otherwise } = configOf(task, 'branch');
    for (const { when, to } of cases)
      if (await expressions.condition(when, task.variables)) return branched(task, to, when);
    return branched(task, otherwise, null);
  },
  fan_in: async (task) => completed(broughtTogether(Object.entries(task.input), configOf(task, 'fan_in').as)),
});

/** A branch speaks of those only that its cases name: others that wait for it go on anyway. */
function branched(task: Task, to: string[], when: string | null): Result {
  const { cases, otherwise } = configOf(task, 'branch');
  const named = new Set([...cases.flatMap((each) => each.to), ...otherwise]);
  return { kind: 'completed', output: { case: when, to }, passesOver: [...named].filter((key) => !to.includes(key)) };
}

function mergedInputs(task: Task): Json {
  const { merge } = configOf(task, 'merge');
  const names = Object.keys(task.input).sort();
  return names.reduce<Json>((all, name) => {
    const value = task.input[name] ?? null;
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
