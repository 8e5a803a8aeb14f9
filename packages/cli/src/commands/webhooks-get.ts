import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { webhookFields } from '../webhook-view.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<id>', 'the webhook, by its id (`assay webhooks list`)');
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async (id: string) => {
    const assay = await connect(cli);
    const webhook = await assay.webhooks.get(id, { signal: cli.signal });
    await cli.printer.show({ document: { webhook }, ids: [webhook.id], human: webhookFields(webhook) });
  });
}
