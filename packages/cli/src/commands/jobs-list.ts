import type { Job } from '@assay/contract';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { jobTable } from '../job-view.ts';
import { addOutputOptions } from '../output-options.ts';
import { addPageOptions, type PageOptions, showPage } from '../page-options.ts';

type Options = PageOptions & { status?: Job['status'] };

const STATUSES = ['pending', 'started', 'completed', 'failed', 'cancelled'];

export function define(command: Command, cli: Cli): void {
  addPageOptions(command).addOption(new Option('--status <status>', 'only those').choices(STATUSES));
  addOutputOptions(command, { quiet: 'print ids only' });
  command.action(async ({ all, ...query }: Options) => {
    const assay = await connect(cli);
    await showPage(cli, {
      listing: assay.jobs.list(query, { signal: cli.signal }),
      all,
      itemsOf: (page) => page.jobs,
      name: 'jobs',
      id: ({ job_id }) => job_id,
      human: jobTable,
    });
  });
}
