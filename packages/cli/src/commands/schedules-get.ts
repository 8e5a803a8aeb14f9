import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { scheduleFields } from '../schedule-view.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<id>', 'the schedule');
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async (id: string) => {
    const assay = await connect(cli);
    const history = await assay.schedules.get(id, { signal: cli.signal });
    const { workflow_schedule, firings } = history;
    await cli.printer.show({
      document: history,
      ids: [workflow_schedule.id],
      human: scheduleFields(workflow_schedule, firings),
    });
  });
}
