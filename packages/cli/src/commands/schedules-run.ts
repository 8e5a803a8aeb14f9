import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<id>', 'the schedule');
  addOutputOptions(command, { quiet: 'print the id of the run only' });
  command.action(async (id: string) => {
    const assay = await connect(cli);
    const run = await assay.schedules.trigger(id, { signal: cli.signal });
    await cli.printer.show({ document: { workflow_run: run }, ids: [run.id], human: text(`${run.id}\n`) });
    await cli.printer.note(`It is ${run.state}. Follow it: assay runs watch ${run.id}`);
  });
}
