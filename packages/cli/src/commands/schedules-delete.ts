import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<id>', 'the schedule').option('-y, --yes', 'do it; it cannot be undone');
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async (id: string, { yes }: { yes?: boolean }) => {
    if (!yes)
      throw usageError(
        `Nothing was deleted. Schedule ${id} would make no runs any more; those that it made go on.`,
        'Say that this is meant: --yes',
      );
    const assay = await connect(cli);
    const schedule = await assay.schedules.delete(id, { signal: cli.signal });
    await cli.printer.show({
      document: { workflow_schedule: schedule },
      ids: [schedule.id],
      human: text(`Deleted ${schedule.id} (${schedule.name}).\n`),
    });
  });
}
