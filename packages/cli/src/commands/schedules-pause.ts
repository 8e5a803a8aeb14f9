import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<id>', 'the schedule');
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async (id: string) => {
    const assay = await connect(cli);
    const schedule = await assay.schedules.pause(id, { signal: cli.signal });
    await cli.printer.show({
      document: { workflow_schedule: schedule },
      ids: [schedule.id],
      human: text(`${schedule.id} (${schedule.name}) is ${schedule.status}.\n`),
    });
  });
}
