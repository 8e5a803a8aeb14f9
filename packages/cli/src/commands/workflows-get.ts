import type { WorkflowDefinition } from '@assay/contract';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import type { Assay } from '@assay/sdk';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { CliError } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { readWorkflowName } from '../workflow-name.ts';
import { definitionFields } from '../workflow-view.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function define(command: Command, cli: Cli): void {
  command.argument('<workflow>', 'its name, NAME@VERSION, or the id of a version');
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async (wanted: string) => {
    const assay = await connect(cli);
    const found = UUID.test(wanted)
      ? await assay.workflows.get(wanted, { signal: cli.signal })
      : await findByName(assay, wanted, cli.signal);
    await cli.printer.show({
      document: { workflow_definition: found },
      ids: [found.id],
      human: definitionFields(found),
    });
  });
}

async function findByName(assay: Assay, wanted: string, signal: AbortSignal): Promise<WorkflowDefinition> {
  const { name, version } = readWorkflowName(wanted);
  for await (const definition of assay.workflows.list({ name }, { signal })) {
    if (version === undefined ? definition.archived_at === null : definition.version === version) return definition;
  }
  throw new CliError(`There is no workflow ${wanted}.`, {
    code: 'not_found',
    exit: EXIT_CODES.notFound,
    hint: '`assay workflows list` shows which there are.',
  });
}
