import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { runFields } from '../workflow-view.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<id>', 'the run');
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async (id: string) => {
    const assay = await connect(cli);
    const [run, nodes] = await Promise.all([
      assay.runs.get(id, { signal: cli.signal }),
      assay.runs.nodes(id, { signal: cli.signal }),
    ]);
    await cli.printer.show({ document: { workflow_run: run, nodes }, ids: [run.id], human: runFields(run) });
    await cli.printer.note(`Its nodes: assay runs graph ${run.id}`);
  });
}
