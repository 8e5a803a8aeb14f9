import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { webhookTable } from '../webhook-view.ts';

export function define(command: Command, cli: Cli): void {
  addOutputOptions(command, { quiet: 'print ids only' });
  command.action(async () => {
    const assay = await connect(cli);
    const webhooks = await assay.webhooks.list({ limit: 200 }, { signal: cli.signal }).toArray();
    await cli.printer.show({
      document: { webhooks },
      ids: webhooks.map(({ id }) => id),
      human: webhookTable(webhooks),
    });
  });
}
