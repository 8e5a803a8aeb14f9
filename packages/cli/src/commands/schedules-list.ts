import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { addPageOptions, type PageOptions, showPage } from '../page-options.ts';
import { scheduleTable } from '../schedule-view.ts';

export function define(command: Command, cli: Cli): void {
  addPageOptions(command).option('--workflow <name>', 'only schedules of this workflow');
  addOutputOptions(command, { quiet: 'print ids only' });
  command.action(async ({ all, workflow, ...query }: PageOptions & { workflow?: string }) => {
    const assay = await connect(cli);
    await showPage(cli, {
      listing: assay.schedules.list({ ...query, workflow_name: workflow }, { signal: cli.signal }),
      all,
      itemsOf: (page) => page.workflow_schedules,
      name: 'workflow_schedules',
      id: ({ id }) => id,
      human: scheduleTable,
    });
  });
}
