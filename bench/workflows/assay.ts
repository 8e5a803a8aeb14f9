import { API_KEY, type RunningAssay } from '../product/running-assay.ts';
import { several, type Walker } from './walker.ts';

const noop = (key: string, more: object = {}) => ({
  key,
  runtime: 'native',
  operation: 'noop',
  config: {},
  // What a step leaves is its output; the context stays as it is.
  outputs: {},
  ...more,
});
const nodes = (count: number, of: (at: number) => object): object[] =>
  Array.from({ length: count }, (_, at) => noop(`n${at}`, of(at)));

export type AssayWalker = {
  walk: Walker;
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
  return {
    async walk(walk) {
      const name = `${walk.what}-${walk.steps}`;
      if (walk.what === 'fan-out') await run(name, () => nodes(walk.steps, () => ({})));
      else await several(walk.runs, () => run(name, () => nodes(walk.steps, chained)));
    },
    async overList(steps) {
      const items = Array.from({ length: steps }, (_, at) => at);
      const each = { for_each: { items, concurrency: 1_000 }, inputs: { at: '$item' } };
      await run(`list-${steps}`, () => [noop('all', each)]);
    },
  };
}
