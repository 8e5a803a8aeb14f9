import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'the webhook, by its id (`assay webhooks list`)')
    .option('-y, --yes', 'do it; it cannot be undone');
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async (id: string, { yes }: { yes?: boolean }) => {
    if (!yes)
      throw usageError(
        `Nothing was deleted. What is on its way to webhook ${id} would not be sent.`,
        'Say that this is meant: --yes',
      );
    const assay = await connect(cli);
    const webhook = await assay.webhooks.delete(id, { signal: cli.signal });
    await cli.printer.show({
      document: { webhook },
      ids: [webhook.id],
      human: text(`Deleted ${webhook.id} (${webhook.url}).\n`),
    });
  });
}
