import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { connect } from './connection.ts';
import { readJsonObject } from './json-file.ts';
import { addOutputOptions } from './output-options.ts';
import { text } from './view.ts';

type Options = { message?: string; values?: string; idempotencyKey?: string };

/** Declares a command that decides what a human node waits for. */
export function defineDecision(command: Command, cli: Cli, decision: 'approve' | 'reject'): void {
  command
    .argument('<run>', 'the run')
    .argument('<node>', 'its node that waits')
    .option('-m, --message <text>', 'why')
    .option('--values <json>', 'what its form asks for: a JSON object, @FILE, or @- for standard input')
    .option('--idempotency-key <key>', 'decide once, however often this is repeated with the same key');
  addOutputOptions(command, { quiet: 'print the id of the run only' });
  command.action(async (run: string, node: string, { message = '', values, idempotencyKey }: Options) => {
    const said = { comment: message, values: await readJsonObject(values, cli) };
    const assay = await connect(cli);
    const decided = await assay.approvals[decision](run, node, said, { signal: cli.signal, idempotencyKey });
    await cli.printer.show({ document: { node: decided }, ids: [run], human: text(`${node} is ${decided.state}.\n`) });
  });
}
