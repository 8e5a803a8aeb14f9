import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<id>', 'the job');
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async (id: string) => {
    const assay = await connect(cli);
    const job = await assay.jobs.retry(id, { signal: cli.signal });
    await cli.printer.show({
      document: { job },
      ids: [job.job_id],
      human: text(`${job.job_id} is ${job.status}.\n`),
    });
  });
}
