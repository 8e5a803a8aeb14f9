import type { NodeDefinition as WireNode, WorkflowRunNode } from '@assay/contract';
import type { Json } from '../../kernel/json.ts';
import {
  type InputBinding,
  type JsonObject,
  type NodeDefinition,
  type OutputBinding,
  pathText,
  type RunNode,
  readPath,
} from '../../modules/workflows/index.ts';

/* A node between the wire and the module: both ways of writing bindings become one. */

const WHOLE = '*';

export const decodeNode = (node: WireNode): NodeDefinition => ({
  key: node.key,
  runtime: node.runtime,
  operation: node.operation,
  dependsOn: node.depends_on,
  config: node.config as JsonObject,
  inputs: inputsOf(node.inputs),
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

export const encodeNode = (node: NodeDefinition): WireNode =>
  ({
    key: node.key,
    runtime: node.runtime,
    operation: node.operation,
    depends_on: [...node.dependsOn],
    config: node.config,
    inputs: Object.fromEntries(node.inputs.map(({ name, source }) => [name, sourceText(source)])),
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

function onErrorOf(wire: WireNode['policy']['on_error']): NodeDefinition['policy']['onError'] {
  return typeof wire === 'string' ? { kind: wire } : { kind: 'fallback', value: wire.fallback };
}

function inputsOf(inputs: WireNode['inputs']): InputBinding[] {
  if (Array.isArray(inputs)) return inputs.map(({ name, path }) => ({ name, source: sourceOf(path) }));
  return Object.entries(inputs).map(([name, value]) => ({ name, source: sourceOf(value) }));
}

function sourceOf(value: Json): InputBinding['source'] {
  if (typeof value !== 'string') return { kind: 'literal', value };
  const path = readPath(value);
  if (path !== null) return { kind: 'context', path };
  return { kind: 'literal', value: value.startsWith('$$') ? value.slice(1) : value };
}

function sourceText(source: InputBinding['source']): Json {
  switch (source.kind) {
    case 'context':
      return pathText(source.path);
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

/** A node of a run, as it stands. */
export const encodeRunNode = (node: RunNode): WorkflowRunNode => ({
  key: node.key,
  state: node.state,
  attempt: node.attempt,
  due_at: node.dueAt?.toISOString() ?? null,
  output: (node.output ?? null) as Json,
  error: node.error && encodeFailure(node.error),
  started_at: node.startedAt?.toISOString() ?? null,
  completed_at: node.completedAt?.toISOString() ?? null,
});

export const encodeFailure = ({ code, message, faults }: NonNullable<RunNode['error']>) => ({
  code,
  message,
  ...(faults === undefined ? {} : { faults: [...faults] }),
});
