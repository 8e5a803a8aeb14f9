import type { FieldFault } from '../../../kernel/errors.ts';

/** What of a node the graph is made of. */
export type Vertex = { key: string; dependsOn: readonly string[] };

/**
 * Finds every fault of a graph: keys that are there twice, dependencies on nobody, on oneself or twice on the same, and
 * cycles, each with the path of the field. An empty list is a graph in which every node can be reached.
 */
export function graphFaults(nodes: readonly Vertex[]): FieldFault[] {
  const faults = [...duplicateKeys(nodes), ...wrongDependencies(nodes)];
  return faults.length > 0 ? faults : cycles(nodes);
}

const fault = (field: string, constraint: string, message: string): FieldFault => ({ field, constraint, message });

function* duplicateKeys(nodes: readonly Vertex[]): Generator<FieldFault> {
  const first = new Map<string, number>();
  for (const [index, { key }] of nodes.entries()) {
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, index);
    else yield fault(`nodes.${index}.key`, 'unique', `"${key}" is the key of nodes.${earlier} already.`);
  }
}

function* wrongDependencies(nodes: readonly Vertex[]): Generator<FieldFault> {
  const known = new Set(nodes.map(({ key }) => key));
  for (const [index, { key, dependsOn }] of nodes.entries()) {
    const seen = new Set<string>();
    for (const [position, dependency] of dependsOn.entries()) {
      const field = `nodes.${index}.depends_on.${position}`;
      if (dependency === key) yield fault(field, 'acyclic', `"${key}" depends on itself.`);
      else if (!known.has(dependency)) yield fault(field, 'known', `No node has the key "${dependency}".`);
      else if (seen.has(dependency)) yield fault(field, 'unique', `"${dependency}" is named twice.`);
      seen.add(dependency);
    }
  }
}

/**
 * Takes away what depends on nothing that is left, until nothing can be taken (Kahn, 1962). What stays is in a cycle or
 * behind one: it could never be reached. One cycle is shown for each of the separate ones.
 */
function cycles(nodes: readonly Vertex[]): FieldFault[] {
  const left = unreachable(nodes);
  const found: FieldFault[] = [];
  const done = new Set<string>();
  for (const key of left.keys()) {
    if (done.has(key)) continue;
    const cycle = cycleFrom(key, left, done);
    if (cycle === null) continue;
    const index = nodes.findIndex((node) => node.key === cycle[0]);
    found.push(
      fault(`nodes.${index}.depends_on`, 'acyclic', `These nodes wait for each other: ${shown([...cycle, cycle[0]])}.`),
    );
  }
  return found;
}

/** Who waits for a node, by its key. */
export function dependentsOf(nodes: readonly Vertex[]): Map<string, string[]> {
  const dependents = new Map<string, string[]>(nodes.map(({ key }) => [key, []]));
  for (const { key, dependsOn } of nodes) for (const dependency of dependsOn) dependents.get(dependency)?.push(key);
  return dependents;
}

function unreachable(nodes: readonly Vertex[]): Map<string, readonly string[]> {
  const waitsFor = new Map(nodes.map(({ key, dependsOn }) => [key, dependsOn.length]));
  const dependents = dependentsOf(nodes);
  const free = nodes.filter(({ dependsOn }) => dependsOn.length === 0).map(({ key }) => key);
  for (let key = free.pop(); key !== undefined; key = free.pop()) {
    waitsFor.delete(key);
    for (const dependent of dependents.get(key) ?? []) {
      const rest = (waitsFor.get(dependent) ?? 0) - 1;
      waitsFor.set(dependent, rest);
      if (rest === 0) free.push(dependent);
    }
  }
  return new Map(nodes.filter(({ key }) => waitsFor.has(key)).map(({ key, dependsOn }) => [key, dependsOn]));
}

/** Goes back from a node along what it waits for until one comes again; null where that leads to a cycle shown before. */
function cycleFrom(start: string, left: ReadonlyMap<string, readonly string[]>, done: Set<string>): string[] | null {
  const path: string[] = [];
  const at = new Map<string, number>();
  let key: string | undefined = start;
  while (key !== undefined && !done.has(key)) {
    const begun = at.get(key);
    if (begun !== undefined) {
      for (const each of path) done.add(each);
      return path.slice(begun).reverse();
    }
    at.set(key, path.length);
    path.push(key);
    key = left.get(key)?.find((dependency) => left.has(dependency));
  }
  for (const each of path) done.add(each);
  return null;
}

const MOST_SHOWN = 12;
const shown = (keys: readonly (string | undefined)[]): string =>
  keys.length <= MOST_SHOWN ? keys.join(' → ') : `${keys.slice(0, MOST_SHOWN).join(' → ')} → …`;
