import type { NewWorkflow } from '@assay/sdk';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { readJsonFile } from '../json-file.ts';
import { addOutputOptions } from '../output-options.ts';
import { definitionFields } from '../workflow-view.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<file>', 'the workflow, as JSON; - for standard input')
    .option('--idempotency-key <key>', 'make one version, however often this is repeated with the same key');
  addOutputOptions(command, { quiet: 'print the id of the version only' });
  command.action(async (file: string, { idempotencyKey }: { idempotencyKey?: string }) => {
    const workflow = (await readJsonFile(file, cli)) as NewWorkflow;
    const assay = await connect(cli);
    const made = await assay.workflows.deploy(workflow, { signal: cli.signal, idempotencyKey });
    await cli.printer.show({
      document: { workflow_definition: made },
      ids: [made.id],
      human: definitionFields(made),
    });
    await cli.printer.note(`Run it: assay run ${made.name}`);
  });
}
