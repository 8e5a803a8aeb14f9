import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { followWorkflowRun, workflowRunFailure } from '../followed-workflow-run.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

const HELP = `
Prints what has happened, then what happens: when, what, which node, and why it failed. Ends with the run: 8 when it failed,
124 when it took longer than its definition lets it. A broken connection is made again and loses nothing.`;

export function define(command: Command, cli: Cli): void {
  command.argument('<id>', 'the run').addHelpText('after', HELP);
  addOutputOptions(command, { jsonl: 'an event a line, as they come' });
  command.action(async (id: string) => {
    const { printer } = cli;
    const ended = await followWorkflowRun(await connect(cli), id, { cli, tell: true });
    if (printer.format === 'json') await printer.show({ document: { workflow_run: ended }, human: text('') });
    const failure = workflowRunFailure(ended);
    if (failure && printer.format === 'human') throw failure;
    cli.exit = failure?.exit ?? cli.exit;
  });
}
