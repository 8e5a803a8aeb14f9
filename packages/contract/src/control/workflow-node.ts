import { z } from 'zod';
import { HttpConfig } from './workflow-node-http.ts';
import { ChatConfig } from './workflow-node-provider.ts';
import { CodeConfig, TOOL_OPERATIONS, ToolConfig, WasmConfig } from './workflow-node-sandboxed.ts';

/* A node of a workflow as it stands on the wire, with the configuration that each operation takes. */

const NodeKey = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,62}$/, 'a letter, then letters, digits, `_` and `-`, at most 63')
  .meta({ id: 'NodeKey', description: 'The name of a node within its definition.' });

const ContextPath = z
  .string()
  .max(500)
  .regex(/^\$context(?:\.[^.]{1,100}){0,20}$/, 'a path like `$context.order.lines.0`')
  .meta({ id: 'ContextPath', description: 'A path into the context of the run: `$context.order.lines.0`.' });

/** A condition, or what gives a key. */
export const Cel = z
  .string()
  .min(1)
  .max(4_000)
  .meta({ description: 'A condition in CEL (https://cel.dev) over `context` and `input`.' });
const JsonSchema = z.record(z.string(), z.json()).meta({ description: 'A JSON Schema, draft 2020-12.' });

const ItemPath = z
  .string()
  .max(500)
  .regex(/^(?:\$index|\$item(?:\.[^.]{1,100}){0,20})$/, 'a path like `$item.name`, or `$index`')
  .meta({ id: 'ItemPath', description: 'A path into the item that a node runs for: `$item.name`; or its `$index`.' });

const InputValue = z.json().meta({
  description:
    '`$context.path` is read from the context, and where the node runs for each of a list, `$item.path` from the item and `$index` is its place; anything else is itself; `$$` at the beginning of a text stands for one `$`.',
});
const Inputs = z
  .union([
    z.record(z.string().min(1).max(100), InputValue),
    z
      .array(
        z.strictObject({
          name: z.string().min(1).max(100).meta({ description: 'What the node knows it by.' }),
          path: z.union([ContextPath, ItemPath]).meta({ description: 'Where it is read from.' }),
        }),
      )
      .max(200),
  ])
  .default({})
  .meta({ description: 'What the node reads: by name, or as a list of names and paths.' });

const MergePolicy = z
  .enum(['replace', 'append', 'deep_merge', 'keep_first'])
  .default('replace')
  .meta({ description: 'What happens to a value that is at the path already.' });
const Output = z.strictObject({ path: ContextPath, merge: MergePolicy });
const Outputs = z
  .union([
    z.record(z.string().min(1).max(100), z.union([ContextPath, Output])),
    z
      .array(
        Output.extend({ name: z.string().min(1).max(100).meta({ description: 'A field of the output, or `*`.' }) }),
      )
      .max(200),
  ])
  .optional()
  .meta({
    description:
      'Where fields of the output go in the context; `*` is the whole output. Left out: the whole output goes to `$context.<key>`.',
  });

const Milliseconds = z.int().min(1).max(604_800_000);
const Backoff = z
  .strictObject({
    kind: z
      .enum(['fixed', 'exponential'])
      .default('exponential')
      .meta({ description: 'Whether each wait is as long as the first, or twice the one before.' }),
    first_ms: z.int().min(1).max(3_600_000).default(1_000).meta({ description: 'The first wait.' }),
    most_ms: z.int().min(1).max(86_400_000).default(60_000).meta({ description: 'The longest wait.' }),
  })
  .meta({
    description:
      'How long a retry waits. A random share is taken off; what a service asks for by `Retry-After` makes it longer.',
  });

const Policy = z
  .strictObject({
    timeout_ms: Milliseconds.default(300_000).meta({ description: 'Longest that one attempt may take.' }),
    retries: z.int().min(0).max(100).default(0).meta({ description: 'Attempts after one that failed.' }),
    backoff: Backoff.prefault({}),
    on_error: z
      .union([
        z.enum(['fail', 'continue']),
        z.strictObject({ fallback: z.json().meta({ description: 'What the output is then.' }) }),
      ])
      .default('fail')
      .meta({ description: 'What a failure means for the run; a fallback is the output instead.' }),
  })
  .prefault({})
  .meta({ id: 'NodePolicy', description: 'How long an attempt may take, and what a failure means.' });

/** What a node can run for each of. */
const Items = z
  .union([ContextPath, z.array(z.json()).max(10_000)])
  .meta({ description: 'Where the list is in the context, or the list itself; at most 10,000 items.' });
/** Items under way at once, unless the definition says it. */
export const ITEMS_AT_ONCE = 10;
const Concurrency = z.int().min(1).max(1_000).default(ITEMS_AT_ONCE).meta({ description: 'Items under way at once.' });
const ForEach = z
  .union([ContextPath, z.strictObject({ items: Items, concurrency: Concurrency })])
  .meta({ id: 'ForEach', description: 'Runs the node for each of a list; its output is the list of theirs.' });

const common = {
  key: NodeKey,
  depends_on: z.array(NodeKey).max(500).default([]).meta({ description: 'The nodes that it waits for.' }),
  inputs: Inputs,
  outputs: Outputs,
  requires: z.array(z.string().min(1).max(100)).max(20).default([]).meta({ description: 'Capabilities it needs.' }),
  policy: Policy,
  when: Cel.optional().meta({ description: 'A CEL condition; false skips the node.' }),
  for_each: ForEach.optional(),
};

const node =
  <Runtime extends string>(runtime: Runtime) =>
  <Operation extends string, Config extends z.ZodType>(operation: Operation, config: Config, description: string) =>
    z
      .strictObject({ ...common, runtime: z.literal(runtime), operation: z.literal(operation), config })
      .meta({ description });
const native = node('native');

export const Assignee = z
  .union([
    z.strictObject({ user: z.uuid().meta({ description: 'The id of a person or service account.' }) }),
    z.strictObject({ team: z.uuid().meta({ description: 'The id of a team.' }) }),
    z.strictObject({
      role: z
        .enum(['viewer', 'developer', 'operator', 'admin', 'owner'])
        .meta({ description: 'The least role that decides.' }),
    }),
  ])
  .meta({ id: 'Assignee', description: 'Who may decide: a person, a team, or everybody from a role on.' });

const Human = z.strictObject({
  title: z.string().min(1).max(200).meta({ description: 'What is asked, in a few words; events tell it.' }),
  instructions: z.string().max(5_000).default('').meta({ description: 'What to look at, and how to decide.' }),
  assignee: Assignee.optional().meta({ description: 'Left out: whoever may write to the run.' }),
  other_than_maker: z.boolean().default(false).meta({ description: 'Whoever made the run may not decide.' }),
  form: JsonSchema.optional().meta({ description: 'What the values of the decision must fit.' }),
  deadline_ms: Milliseconds.optional().meta({ description: 'How long it may be decided.' }),
  on_deadline: z
    .union([z.literal('fail'), z.strictObject({ output: z.json().meta({ description: 'What the output is then.' }) })])
    .default('fail')
    .meta({ description: 'What it means that nobody decided in time: a failure, or this output.' }),
  on_reject: z
    .enum(['fail', 'output'])
    .default('fail')
    .meta({ description: 'A rejection fails the node, or is an output like an approval.' }),
});

const Nothing = z.strictObject({}).default({});

/** Nodes that Assay runs itself, by their operation. */
const NATIVE_NODES = [
  native('noop', Nothing, 'Gives its inputs on.'),
  native(
    'merge',
    z
      .strictObject({
        merge: z
          .enum(['replace', 'deep_merge'])
          .default('deep_merge')
          .meta({ description: 'What a name that two inputs have comes to: the later value, or both put together.' }),
      })
      .prefault({}),
    'Makes one object of its inputs, in the order of their names.',
  ),
  native(
    'validate',
    z.strictObject({ schema: JsonSchema }),
    'Gives a value on when it fits a schema, and fails with what does not fit.',
  ),
  native(
    'transform',
    z.strictObject({ expression: z.string().min(1).max(20_000).meta({ description: 'In JSONata, over the inputs.' }) }),
    'Makes JSON of JSON.',
  ),
  native(
    'delay',
    z.union([
      z.strictObject({ ms: Milliseconds.meta({ description: 'How long it waits.' }) }),
      z.strictObject({ until: z.iso.datetime().meta({ description: 'Until when it waits, UTC.' }) }),
    ]),
    'Waits, holding nothing.',
  ),
  native(
    'branch',
    z.strictObject({
      cases: z
        .array(
          z.strictObject({
            when: Cel,
            to: z.array(NodeKey).min(1).max(100).meta({ description: 'Nodes that wait for this one.' }),
          }),
        )
        .min(1)
        .max(100)
        .meta({ description: 'Looked at in their order.' }),
      otherwise: z.array(NodeKey).max(100).default([]).meta({ description: 'Where it goes when no case is true.' }),
    }),
    'Goes on to the nodes of the first case that is true. Nodes of the others are skipped.',
  ),
  native(
    'fan_in',
    z
      .strictObject({
        as: z.enum(['list', 'concat', 'object', 'first']).default('object').meta({
          description: 'A list of them, one list of theirs, an object by name, or the first that is not null.',
        }),
      })
      .prefault({}),
    'Brings its inputs together.',
  ),
  native('http', HttpConfig, 'Asks another service.'),
  native(
    'subworkflow',
    z.strictObject({
      name: z
        .string()
        .regex(/^[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?$/, 'the name of a definition')
        .meta({ description: 'Of the definition to run.' }),
      version: z.int().min(1).optional().meta({ description: 'The newest when it runs, unless given.' }),
      output: ContextPath.default('$context').meta({ description: 'What of the context of that run is the output.' }),
    }),
    'Runs another workflow with its inputs, and waits for the end, holding nothing.',
  ),
  native('human', Human, 'Waits for the decision of a person, holding nothing.'),
] as const;

/** Nodes that run in a sandbox. */
const SANDBOXED_NODES = [
  node('code')('evaluate', CodeConfig, 'Runs a program as an evaluation.'),
  z
    .strictObject({ ...common, runtime: z.literal('tool'), operation: z.enum(TOOL_OPERATIONS), config: ToolConfig })
    .meta({ description: 'Runs a program of a list, with typed arguments and without a shell.' }),
  node('wasm')('run_module', WasmConfig, 'Runs a WASI module (preview 1).'),
] as const;

/** Nodes that ask a model. */
const PROVIDER_NODES = [
  node('provider')(
    'chat',
    ChatConfig,
    'Asks a model, within the budgets that apply, in the name of whoever made the run.',
  ),
] as const;

const STEPS = [...NATIVE_NODES, ...PROVIDER_NODES, ...SANDBOXED_NODES] as const;
const step = <Node extends (typeof STEPS)[number]>(node: Node) =>
  node.pick({ runtime: true, operation: true, config: true, inputs: true });
const [first, ...others] = STEPS;
/** What a node does, without its place in the graph. */
const Step = z.discriminatedUnion('operation', [step(first), ...others.map(step)]).meta({
  id: 'WorkflowStep',
  description: 'What is done for an item: `runtime`, `operation`, `config` and `inputs`.',
});

const { inputs: _, for_each: __, ...placed } = common;
const FAN_OUT = z
  .strictObject({
    ...placed,
    runtime: z.literal('native'),
    operation: z.literal('fan_out'),
    config: z.strictObject({ items: Items, concurrency: Concurrency, each: Step }),
  })
  .meta({ description: 'Does `each` for every item of a list, and gives the list of what they gave.' });

export const NodeDefinition = z
  .discriminatedUnion('operation', [...STEPS, FAN_OUT])
  .meta({ id: 'NodeDefinition', description: 'A step of a workflow.' });
export type NodeDefinition = z.infer<typeof NodeDefinition>;
