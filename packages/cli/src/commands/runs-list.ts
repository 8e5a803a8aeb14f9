import type { WorkflowRun } from '@assay/contract';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { wholeNumber } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { pageOf } from '../page-of.ts';
import { runTable } from '../workflow-view.ts';

type Options = { workflow?: string; state?: WorkflowRun['state']; limit: number; cursor?: string; all?: boolean };

const STATES = ['created', 'queued', 'running', 'paused', 'completed', 'failed', 'cancelled'];

export function define(command: Command, cli: Cli): void {
  command
    .option('--workflow <name>', 'only runs of this workflow')
    .addOption(new Option('--state <state>', 'only those').choices(STATES))
    .option('--limit <n>', 'how many, at most 200', wholeNumber, 20)
    .option('--cursor <cursor>', 'where a page before this one ended')
    .option('--all', 'every one, however many there are');
  addOutputOptions(command, { quiet: 'print ids only' });
  command.action(async ({ all, workflow, ...query }: Options) => {
    const assay = await connect(cli);
    const listing = assay.runs.list({ ...query, name: workflow }, { signal: cli.signal });
    const { items, next_cursor } = await pageOf(listing, all, (page) => page.workflow_runs);
    await cli.printer.show({
      document: { workflow_runs: items, next_cursor },
      ids: items.map(({ id }) => id),
      human: runTable(items),
    });
    if (next_cursor !== null) await cli.printer.note(`There are more. The next: --cursor ${next_cursor}`);
  });
}
