import type { Command } from 'commander';
import { approvalFields } from '../approval-view.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<run>', 'the run').argument('<node>', 'its node that waits');
  addOutputOptions(command, { quiet: 'print the id of the run only' });
  command.action(async (run: string, node: string) => {
    const assay = await connect(cli);
    const approval = await assay.approvals.get(run, node, { signal: cli.signal });
    await cli.printer.show({ document: { workflow_approval: approval }, ids: [run], human: approvalFields(approval) });
    await cli.printer.note(`Decide: assay approvals approve ${run} ${node}, or reject`);
  });
}
