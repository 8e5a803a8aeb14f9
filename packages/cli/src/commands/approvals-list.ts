import type { Command } from 'commander';
import { approvalTable } from '../approval-view.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { addPageOptions, type PageOptions, showPage } from '../page-options.ts';

export function define(command: Command, cli: Cli): void {
  addPageOptions(command);
  addOutputOptions(command, { quiet: 'print the ids of runs only' });
  command.action(async ({ all, ...query }: PageOptions) => {
    const assay = await connect(cli);
    await showPage(cli, {
      listing: assay.approvals.list(query, { signal: cli.signal }),
      all,
      itemsOf: (page) => page.workflow_approvals,
      name: 'workflow_approvals',
      id: ({ workflow_run_id }) => workflow_run_id,
      human: approvalTable,
    });
  });
}
