import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { followJob, jobFailure } from '../followed-job.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

const HELP = `
Prints what has happened, then what happens. Ends with the job: 8 when it failed. A broken connection is made again and loses
nothing.`;

export function define(command: Command, cli: Cli): void {
  command.argument('<id>', 'the job').addHelpText('after', HELP);
  addOutputOptions(command, { jsonl: 'an event a line, as they come' });
  command.action(async (id: string) => {
    const { printer } = cli;
    const ended = await followJob(await connect(cli), id, { cli, tell: true });
    if (printer.format === 'json') await printer.show({ document: { job: ended }, human: text('') });
    const failure = jobFailure(ended);
    if (failure && printer.format === 'human') throw failure;
    cli.exit = failure?.exit ?? cli.exit;
  });
}
