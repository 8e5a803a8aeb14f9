import type { Budget } from '@assay/contract';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'the budget, by its id (`assay budgets list`)')
    .option('-y, --yes', 'do it; it cannot be undone');
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async (id: string, { yes }: { yes?: boolean }) => {
    if (!yes) {
      throw usageError(
        `Nothing was deleted. Without budget ${id} nothing holds what its scope spends.`,
        'Say that this is meant: --yes',
      );
    }
    const assay = await connect(cli);
    const path = `/v1/budgets/${encodeURIComponent(id)}`;
    const answer = await assay.request({ method: 'DELETE', path }, { signal: cli.signal });
    const { budget } = ((await answer.json()) as { data: { budget: Budget } }).data;
    await cli.printer.show({
      document: { budget },
      ids: [budget.id],
      human: text(`Deleted ${budget.id} (${budget.name}).\n`),
    });
  });
}
