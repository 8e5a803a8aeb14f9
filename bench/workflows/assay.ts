import { API_KEY, type RunningAssay } from '../product/running-assay.ts';
import { several, type Walk, type Walker } from './walker.ts';

/** A step that a worker makes, in a transaction of its own, and one that only moves values, in that of what comes before. */
const STEPS = { made: { operation: 'validate', config: { schema: {} } }, moved: { operation: 'noop', config: {} } };
type Step = keyof typeof STEPS;

const node = (step: Step, key: string, more: object = {}) => ({
  key,
  runtime: 'native',
  // What a step leaves is its output; the context stays as it is.
  outputs: {},
  ...STEPS[step],
  ...more,
});
const nodes = (step: Step, count: number, of: (at: number) => object): object[] =>
  Array.from({ length: count }, (_, at) => node(step, `n${at}`, of(at)));

export type AssayWalker = {
  walk: Walker;
  /** The same with nodes that only move values. */
  move: Walker;
  /** One node for each of a list. */
  overList(steps: number): Promise<void>;
};

/** Our own server over HTTP, with all its governance: a run is made by one request and followed by its event stream. */
export function assayWalker({ url, caller }: RunningAssay): AssayWalker {
  const defined = new Map<string, Promise<void>>();
  const define = async (name: string, of: () => object[]): Promise<void> => {
    const { status, body } = await caller.post('/v1/workflow-definitions', { name, nodes: of() });
    if (status !== 201) throw new Error(`Not defined: ${JSON.stringify(body)}`);
  };
  const run = async (name: string, of: () => object[]): Promise<void> => {
    if (!defined.has(name)) defined.set(name, define(name, of));
    await defined.get(name);
    const { status, body } = await caller.post('/v1/workflow-runs', { name, start: true });
    if (status !== 201) throw new Error(`Not started: ${JSON.stringify(body)}`);
    const { id } = (body as { data: { workflow_run: { id: string } } }).data.workflow_run;
    const events = await fetch(`${url}/v1/workflow-runs/${id}/events`, { headers: { 'x-api-key': API_KEY } });
    if (!(await events.text()).includes('workflow.run.completed')) throw new Error(`Run ${id} did not complete.`);
  };
  const chained = (at: number): object => (at === 0 ? {} : { depends_on: [`n${at - 1}`] });
  async function walked(step: Step, walk: Walk): Promise<void> {
    const name = `${walk.what}-${walk.steps}-${step}`;
    if (walk.what === 'fan-out') await run(name, () => nodes(step, walk.steps, () => ({})));
    else await several(walk.runs, () => run(name, () => nodes(step, walk.steps, chained)));
  }
  return {
    walk: (walk) => walked('made', walk),
    move: (walk) => walked('moved', walk),
    async overList(steps) {
      const items = Array.from({ length: steps }, (_, at) => at);
      const each = { for_each: { items, concurrency: 1_000 }, inputs: { at: '$item' } };
      await run(`list-${steps}`, () => [node('made', 'all', each)]);
    },
  };
}
