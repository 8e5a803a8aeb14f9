import type { AuditCheckpoint } from '@assay/contract';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command
    .addOption(new Option('--log <log>', 'which log').choices(['organization', 'installation']).default('organization'))
    .addHelpText(
      'after',
      '\nKeep what it prints, somewhere else: `assay audit verify --checkpoint FILE` shows later that nothing was cut or changed.',
    );
  addOutputOptions(command);
  command.action(async ({ log }: { log: string }) => {
    const assay = await connect(cli);
    const request = { method: 'GET', path: '/v1/audit-logs/checkpoint', query: { log } };
    const answer = await assay.request(request, { signal: cli.signal });
    const { data } = (await answer.json()) as { data: { checkpoint: AuditCheckpoint } };
    await cli.printer.show({ document: data.checkpoint, human: text(data.checkpoint.note) });
  });
}
