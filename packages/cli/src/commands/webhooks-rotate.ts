import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { wholeNumber } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { webhookFields } from '../webhook-view.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'the webhook, by its id (`assay webhooks list`)')
    .option(
      '--overlap <seconds>',
      'for how long messages carry the earlier signature, too; a day unless given',
      wholeNumber,
    );
  addOutputOptions(command, { quiet: 'print the secret only' });
  command.action(async (id: string, { overlap }: { overlap?: number }) => {
    const assay = await connect(cli);
    const body = overlap === undefined ? {} : { overlap_seconds: overlap };
    const issued = await assay.webhooks.rotateSecret(id, body, { signal: cli.signal });
    await cli.printer.show({
      document: issued,
      ids: [issued.secret],
      human: webhookFields(issued.webhook, issued.secret),
    });
    await cli.printer.note('The secret is shown this once. Give it to the receiver before the overlap is over.');
  });
}
