import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { jobTable } from '../job-view.ts';
import { addOutputOptions } from '../output-options.ts';
import { addPageOptions, type PageOptions, showPage } from '../page-options.ts';

const HELP = `
Have one done again: assay jobs retry ID
Have all done again: assay jobs replay --all`;

export function define(command: Command, cli: Cli): void {
  addPageOptions(command)
    .option('--code <code>', 'only those that failed with it: provider.unavailable')
    .addHelpText('after', HELP);
  addOutputOptions(command, { quiet: 'print ids only' });
  command.action(async ({ all, ...query }: PageOptions & { code?: string }) => {
    const assay = await connect(cli);
    await showPage(cli, {
      listing: assay.jobs.deadLetters(query, { signal: cli.signal }),
      all,
      itemsOf: (page) => page.jobs,
      name: 'jobs',
      id: ({ job_id }) => job_id,
      human: jobTable,
    });
  });
}
