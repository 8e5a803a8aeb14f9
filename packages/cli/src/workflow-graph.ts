import type { NodeDefinition, WorkflowRunNode } from '@assay/contract';

/** A node of a run, and which nodes it waits for. */
export type GraphNode = {
  key: string;
  operation: string;
  state: WorkflowRunNode['state'];
  depends_on: readonly string[];
};

export const graphOf = (nodes: readonly NodeDefinition[], states: readonly WorkflowRunNode[]): GraphNode[] => {
  const stateOf = new Map(states.map(({ key, state }) => [key, state]));
  return nodes.map(({ key, operation, depends_on }) => ({
    key,
    operation,
    state: stateOf.get(key) ?? 'pending',
    depends_on,
  }));
};

/** One sign for each state, so that it shows without colours too. */
const SIGNS: Readonly<Record<GraphNode['state'], string>> = {
  pending: '·',
  ready: '○',
  running: '▶',
  waiting: '◷',
  completed: '✔',
  failed: '✖',
  skipped: '↷',
  cancelled: '⊘',
};

/**
 * The graph as a tree: a node stands below the last of those that it waits for, and names the others. Nodes come in an order
 * in which they could run.
 */
export function graphText(nodes: readonly GraphNode[]): string {
  const parents = parentsOf(nodes);
  const children = Map.groupBy(nodes, ({ key }) => parents.get(key) ?? null);
  const draw = (parent: string, indent: string): string[] => {
    const below = children.get(parent) ?? [];
    return below.flatMap((node, at) => {
      const [branch, rail] = at === below.length - 1 ? ['└─ ', '   '] : ['├─ ', '│  '];
      return [`${indent}${branch}${described(node, parent)}`, ...draw(node.key, `${indent}${rail}`)];
    });
  };
  const roots = children.get(null) ?? [];
  return lines(roots.flatMap((root) => [described(root, null), ...draw(root.key, '')]));
}

function described({ key, operation, state, depends_on }: GraphNode, parent: string | null): string {
  const others = depends_on.filter((before) => before !== parent);
  const also = others.length === 0 ? '' : `  (and after ${others.join(', ')})`;
  return `${SIGNS[state]} ${key}  ${operation}  ${state}${also}`;
}

/** Of each node the dependency that is furthest from a beginning; null for what waits for nobody. */
function parentsOf(nodes: readonly GraphNode[]): Map<string, string | null> {
  const byKey = new Map(nodes.map((node) => [node.key, node]));
  const depths = new Map<string, number>();
  const stack = nodes.map(({ key }) => key);
  // Walked with a list of its own: a chain may be longer than calls can nest.
  for (let key = stack.at(-1); key !== undefined; key = stack.at(-1)) {
    const open = (byKey.get(key)?.depends_on ?? []).filter((before) => byKey.has(before) && !depths.has(before));
    if (open.length > 0 && !depths.has(key)) {
      stack.push(...open);
      continue;
    }
    const before = (byKey.get(key)?.depends_on ?? []).map((each) => depths.get(each) ?? -1);
    depths.set(key, 1 + Math.max(-1, ...before));
    stack.pop();
  }
  const depthOf = (key: string): number => depths.get(key) ?? -1;
  return new Map(
    nodes.map(({ key, depends_on }) => [key, [...depends_on].sort((a, b) => depthOf(b) - depthOf(a))[0] ?? null]),
  );
}

/** The colour of a state where colours are names: the same in both forms. */
const COLOURS: Readonly<Record<GraphNode['state'], string>> = {
  pending: '#e5e7eb',
  ready: '#e5e7eb',
  running: '#bae6fd',
  waiting: '#fef08a',
  completed: '#bbf7d0',
  failed: '#fecaca',
  skipped: '#f3f4f6',
  cancelled: '#d1d5db',
};

/** For what draws Mermaid: Markdown of most forges and editors. */
export function graphMermaid(nodes: readonly GraphNode[]): string {
  // Keys may hold what Mermaid reads as an arrow, and a place cannot.
  const idOf = new Map(nodes.map(({ key }, at) => [key, `n${at}`]));
  const states = [...new Set(nodes.map(({ state }) => state))].sort();
  return lines([
    'flowchart TD',
    ...nodes.map(({ key, operation, state }) => `  ${idOf.get(key)}["${key}<br/>${operation}"]:::${state}`),
    ...edges(nodes).map(([from, to]) => `  ${idOf.get(from)} --> ${idOf.get(to)}`),
    ...states.map((state) => `  classDef ${state} fill:${COLOURS[state]},color:#111827`),
  ]);
}

/** For Graphviz: `… --format dot | dot -Tsvg`. */
export function graphDot(nodes: readonly GraphNode[]): string {
  return lines([
    'digraph run {',
    '  node [shape=box, style="rounded,filled"];',
    ...nodes.map(
      ({ key, operation, state }) => `  "${key}" [label="${key}\\n${operation}", fillcolor="${COLOURS[state]}"];`,
    ),
    ...edges(nodes).map(([from, to]) => `  "${from}" -> "${to}";`),
    '}',
  ]);
}

const edges = (nodes: readonly GraphNode[]): [from: string, to: string][] =>
  nodes.flatMap(({ key, depends_on }) => depends_on.map((before): [string, string] => [before, key]));
const lines = (of: readonly string[]): string => of.map((line) => `${line}\n`).join('');
