import type { StreamEvent, WorkflowDefinition, WorkflowRun } from '@assay/contract';
import { dollars } from './dollars.ts';
import { fields, type Human, table } from './view.ts';

/** A version for people. */
export const definitionFields = (of: WorkflowDefinition): Human =>
  fields(
    ['id', of.id],
    ['name', of.name],
    ['version', of.version],
    ['description', of.description],
    ['nodes', of.nodes.map(({ key }) => key).join(', ')],
    ['created', of.created_at],
    ['archived', of.archived_at],
  );

export const definitionTable = (definitions: readonly WorkflowDefinition[]): Human =>
  table(
    ['id', 'name', 'version', 'nodes', 'created', 'archived'],
    definitions.map((of) => [of.id, of.name, of.version, of.nodes.length, of.created_at, of.archived_at]),
    'There are no workflows here. Make one: assay workflows deploy FILE',
  );

/** A run for people. */
export const runFields = (run: WorkflowRun): Human =>
  fields(
    ['id', run.id],
    ['workflow', nameOf(run)],
    ['state', run.state],
    ['failed at', run.error?.node],
    ['error', run.error && `${run.error.code}: ${run.error.message}`],
    ['priority', run.priority],
    ['budget', run.budget_micros === null ? null : dollars(run.budget_micros)],
    ['concurrency key', run.concurrency_key],
    ['created', run.created_at],
    ['started', run.started_at],
    ['ended', run.completed_at],
    ['deadline', run.deadline_at],
    ['input', JSON.stringify(run.input)],
    ['context', run.context && JSON.stringify(run.context)],
    ['context asset', run.context_asset && `${run.context_asset.id} (${run.context_asset.bytes} bytes)`],
  );

export const runTable = (runs: readonly WorkflowRun[]): Human =>
  table(
    ['id', 'workflow', 'state', 'created', 'ended', 'error'],
    runs.map((run) => [run.id, nameOf(run), run.state, run.created_at, run.completed_at, run.error?.message]),
    'There are no runs here. Start one: assay run NAME',
  );

const nameOf = ({ workflow_definition: { name, version } }: WorkflowRun): string => `${name}@${version}`;

/** An event of a run in a line: when, what, and which node. */
export function eventLine({ occurred_at, type, data }: StreamEvent): string {
  const { node, error } = data as { node?: string; error?: { message?: string } };
  return `${[occurred_at, type.replace(/^workflow\./, ''), node ?? '-', error?.message ?? '-'].join('\t')}\n`;
}
