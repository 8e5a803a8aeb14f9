import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { addPageOptions, type PageOptions, showPage } from '../page-options.ts';
import { table } from '../view.ts';

const HELP = `
See them first: assay jobs dead-letters`;

export function define(command: Command, cli: Cli): void {
  addPageOptions(command)
    .option('--code <code>', 'only those that failed with it: provider.unavailable')
    .addHelpText('after', HELP);
  addOutputOptions(command, { quiet: 'print ids only' });
  command.action(async ({ all, limit, cursor, code }: PageOptions & { code?: string }) => {
    const assay = await connect(cli);
    await showPage(cli, {
      listing: assay.jobs.replayDeadLetters({ limit, cursor, code }, { signal: cli.signal }),
      all,
      itemsOf: (page) => page.job_ids,
      name: 'job_ids',
      id: (id) => id,
      human: (ids) =>
        table(
          ['done again'],
          ids.map((id) => [id]),
          'No job failed so.',
        ),
    });
  });
}
