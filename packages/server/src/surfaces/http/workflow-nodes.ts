import {
  ITEMS_AT_ONCE,
  type NewWorkflowDefinition,
  type NodeDefinition as WireNode,
  type WorkflowRunNode,
} from '@assay/contract';
import type { Json } from '../../kernel/json.ts';
import {
  type DefinitionContent,
  type ForEach,
  type InputBinding,
  type JsonObject,
  type NodeDefinition,
  type OutputBinding,
  pathText,
  type RunNode,
  readPath,
} from '../../modules/workflows/index.ts';

/* Definitions between the wire and the module: both ways of writing bindings become one. */

const WHOLE = '*';
const INDEX = '$index';

type WireStep = Pick<Exclude<WireNode, { operation: 'fan_out' }>, 'runtime' | 'operation' | 'config' | 'inputs'>;
type WireForEach = NonNullable<Exclude<WireNode, { operation: 'fan_out' }>['for_each']>;

export const contentOf = (body: NewWorkflowDefinition): DefinitionContent => ({
  name: body.name,
  description: body.description,
  nodes: body.nodes.map(decodeNode),
  inputSchema: (body.input_schema as JsonObject | undefined) ?? null,
  timeoutMs: body.timeout_ms ?? null,
  budget: body.budget_micros ?? null,
  concurrency: [body.concurrency].flat().map(({ limit, key = null }) => ({ limit, key })),
});

const decodeNode = (node: WireNode): NodeDefinition => ({
  key: node.key,
  dependsOn: node.depends_on,
  ...(node.operation === 'fan_out'
    ? { ...decodeStep(node.config.each), forEach: decodeForEach(node.config, 'fan_out') }
    : { ...decodeStep(node), forEach: node.for_each === undefined ? null : decodeForEach(node.for_each, 'for_each') }),
  outputs: outputsOf(node),
  requires: node.requires,
  policy: {
    timeoutMs: node.policy.timeout_ms,
    retries: node.policy.retries,
    backoff: {
      kind: node.policy.backoff.kind,
      firstMs: node.policy.backoff.first_ms,
      mostMs: node.policy.backoff.most_ms,
    },
    onError: onErrorOf(node.policy.on_error),
  },
  when: node.when ?? null,
});

const decodeStep = ({ runtime, operation, config, inputs }: WireStep) => ({
  runtime,
  operation,
  config: config as JsonObject,
  inputs: inputsOf(inputs),
});

function decodeForEach(wire: WireForEach, writtenAs: ForEach['writtenAs']): ForEach {
  if (typeof wire === 'string') return { items: sourceOf(wire), concurrency: ITEMS_AT_ONCE, writtenAs };
  return { items: sourceOf(wire.items), concurrency: wire.concurrency, writtenAs };
}

export const encodeNode = (node: NodeDefinition): WireNode =>
  ({
    key: node.key,
    depends_on: [...node.dependsOn],
    ...encodeStep(node),
    outputs: Object.fromEntries(
      node.outputs.map(({ name, path, merge }) => [name ?? WHOLE, { path: pathText(path), merge }]),
    ),
    requires: [...node.requires],
    policy: {
      timeout_ms: node.policy.timeoutMs,
      retries: node.policy.retries,
      backoff: {
        kind: node.policy.backoff.kind,
        first_ms: node.policy.backoff.firstMs,
        most_ms: node.policy.backoff.mostMs,
      },
      on_error:
        node.policy.onError.kind === 'fallback' ? { fallback: node.policy.onError.value } : node.policy.onError.kind,
    },
    ...(node.when === null ? {} : { when: node.when }),
  }) as WireNode;

function encodeStep({ runtime, operation, config, inputs, forEach }: NodeDefinition): object {
  const step = {
    runtime,
    operation,
    config,
    inputs: Object.fromEntries(inputs.map(({ name, source }) => [name, sourceText(source)])),
  };
  if (!forEach) return step;
  const { concurrency } = forEach;
  const items = sourceText(forEach.items);
  return forEach.writtenAs === 'fan_out'
    ? { runtime: 'native', operation: 'fan_out', config: { items, concurrency, each: step } }
    : { ...step, for_each: { items, concurrency } };
}

function onErrorOf(wire: WireNode['policy']['on_error']): NodeDefinition['policy']['onError'] {
  return typeof wire === 'string' ? { kind: wire } : { kind: 'fallback', value: wire.fallback };
}

function inputsOf(inputs: WireStep['inputs']): InputBinding[] {
  if (Array.isArray(inputs)) return inputs.map(({ name, path }) => ({ name, source: sourceOf(path) }));
  return Object.entries(inputs).map(([name, value]) => ({ name, source: sourceOf(value) }));
}

function sourceOf(value: Json): InputBinding['source'] {
  if (typeof value !== 'string') return { kind: 'literal', value };
  if (value === INDEX) return { kind: 'index' };
  const path = readPath(value);
  if (path !== null) return { kind: 'context', path };
  const itemPath = readPath(value, '$item');
  if (itemPath !== null) return { kind: 'item', path: itemPath };
  return { kind: 'literal', value: value.startsWith('$$') ? value.slice(1) : value };
}

function sourceText(source: InputBinding['source']): Json {
  switch (source.kind) {
    case 'context':
      return pathText(source.path);
    case 'item':
      return pathText(source.path, '$item');
    case 'index':
      return INDEX;
    case 'literal':
      return typeof source.value === 'string' && source.value.startsWith('$') ? `$${source.value}` : source.value;
  }
}

/** Left out, the whole output goes to the path of the node's own key. */
function outputsOf({ key, outputs }: WireNode): OutputBinding[] {
  if (outputs === undefined) return [{ name: null, path: [key], merge: 'replace' }];
  const listed = Array.isArray(outputs)
    ? outputs
    : Object.entries(outputs).map(([name, to]) =>
        typeof to === 'string' ? { name, path: to, merge: 'replace' as const } : { name, ...to },
      );
  return listed.map(({ name, path, merge }) => ({
    name: name === WHOLE ? null : name,
    path: readPath(path) ?? [],
    merge,
  }));
}

export const encodeConcurrency = ({ concurrency }: DefinitionContent) =>
  concurrency.map(({ limit, key }) => ({ limit, ...(key === null ? {} : { key }) }));

/** A node of a run, as it stands. */
export const encodeRunNode = (node: RunNode): WorkflowRunNode => ({
  key: node.key,
  state: node.state,
  attempt: node.attempt,
  evaluation_id: node.evaluationId,
  due_at: node.dueAt?.toISOString() ?? null,
  output: (node.output ?? null) as Json,
  items: node.items,
  error: node.error && encodeFailure(node.error),
  started_at: node.startedAt?.toISOString() ?? null,
  completed_at: node.completedAt?.toISOString() ?? null,
});

export const encodeFailure = ({ code, message, faults }: NonNullable<RunNode['error']>) => ({
  code,
  message,
  ...(faults === undefined ? {} : { faults: [...faults] }),
});
