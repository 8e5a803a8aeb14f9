import type { Result } from '../engine/model.ts';
import { nodeErrors } from '../errors.ts';
import type { Expressions } from '../expressions/expressions.ts';
import type { JsonObject } from '../model.ts';
import { INSTANT } from './instant.ts';
import { completed, type Handler, type Task } from './model.ts';

/* Nodes that need nothing but the context. Their configuration was read when the definition was made. */

type Config = {
  validate: { schema: JsonObject };
  transform: { expression: string };
  delay: { ms: number } | { until: string };
  branch: { cases: { when: string; to: string[] }[]; otherwise: string[] };
};

const configOf = <Operation extends keyof Config>({ node }: Task, _operation: Operation): Config[Operation] =>
  node.config as Config[Operation];

/** By their operation. */
export const nativeHandlers = (expressions: Expressions): Readonly<Record<string, Handler>> => ({
  ...Object.fromEntries(
    Object.entries(INSTANT).map(([name, make]) => [name, async ({ node, input }: Task) => make(node, input)]),
  ),
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
});

/** A branch speaks of those only that its cases name: others that wait for it go on anyway. */
function branched(task: Task, to: string[], when: string | null): Result {
  const { cases, otherwise } = configOf(task, 'branch');
  const named = new Set([...cases.flatMap((each) => each.to), ...otherwise]);
  return { kind: 'completed', output: { case: when, to }, passesOver: [...named].filter((key) => !to.includes(key)) };
}
