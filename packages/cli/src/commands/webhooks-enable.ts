import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { webhookFields } from '../webhook-view.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'the webhook, by its id (`assay webhooks list`)')
    .option('--with-missed', 'send what it missed, too, as far as events are kept');
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async (id: string, { withMissed }: { withMissed?: boolean }) => {
    const assay = await connect(cli);
    const missed = withMissed ? 'deliver' : 'skip';
    const webhook = await assay.webhooks.enable(id, { missed }, { signal: cli.signal });
    await cli.printer.show({ document: { webhook }, ids: [webhook.id], human: webhookFields(webhook) });
  });
}
