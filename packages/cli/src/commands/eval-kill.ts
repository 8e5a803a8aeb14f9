import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<id>', 'the run; queued or running');
  addOutputOptions(command, { quiet: 'print the id only, and only if this call ended it' });
  command.action(async (id: string) => {
    const assay = await connect(cli);
    const outcome = await assay.evaluations.kill(id, { signal: cli.signal });
    await cli.printer.show({
      document: outcome,
      ids: outcome.killed ? [outcome.eval_id] : [],
      human: text(`${outcome.message}\n`),
    });
  });
}
