import type { WorkflowRun } from '@assay/contract';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { addPageOptions, type PageOptions, showPage } from '../page-options.ts';
import { runTable } from '../workflow-view.ts';

type Options = PageOptions & { workflow?: string; state?: WorkflowRun['state'] };

const STATES = ['created', 'queued', 'running', 'paused', 'completed', 'failed', 'cancelled'];

export function define(command: Command, cli: Cli): void {
  command
    .option('--workflow <name>', 'only runs of this workflow')
    .addOption(new Option('--state <state>', 'only those').choices(STATES));
  addPageOptions(command);
  addOutputOptions(command, { quiet: 'print ids only' });
  command.action(async ({ all, workflow, ...query }: Options) => {
    const assay = await connect(cli);
    await showPage(cli, {
      listing: assay.runs.list({ ...query, name: workflow }, { signal: cli.signal }),
      all,
      itemsOf: (page) => page.workflow_runs,
      name: 'workflow_runs',
      id: ({ id }) => id,
      human: runTable,
    });
  });
}
