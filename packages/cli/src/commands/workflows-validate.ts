import { EXIT_CODES } from '@assay/contract/exit-codes';
import type { Assay, NewWorkflow, WorkflowCheck } from '@assay/sdk';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { readJsonFile } from '../json-file.ts';
import { addOutputOptions } from '../output-options.ts';
import { table, text } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<file>', 'the workflow, as JSON; - for standard input');
  addOutputOptions(command);
  command.action(async (file: string) => {
    const workflow = (await readJsonFile(file, cli)) as NewWorkflow;
    const check = await checkOf(await connect(cli), workflow, cli.signal);
    const rows = check.faults.map(({ field, message }) => [field, message]);
    const human = check.valid ? text('It can be run.\n') : table(['field', 'fault'], rows, '');
    await cli.printer.show({ document: check, human });
    if (!check.valid) cli.exit = EXIT_CODES.failed;
  });
}

/** What has not even the form of a workflow is refused by the server, field by field; that is an answer too. */
async function checkOf(assay: Assay, workflow: NewWorkflow, signal: AbortSignal): Promise<WorkflowCheck> {
  try {
    return await assay.workflows.validate(workflow, { signal });
  } catch (error) {
    const { status, details } = error as { status?: number; details?: { fields?: WorkflowCheck['faults'] } };
    if (status !== 400 || !Array.isArray(details?.fields)) throw error;
    return { valid: false, faults: details.fields };
  }
}
