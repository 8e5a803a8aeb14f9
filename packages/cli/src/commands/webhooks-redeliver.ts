import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'the webhook, by its id (`assay webhooks list`)')
    .argument('<delivery>', 'the delivery, by its id (`assay webhooks deliveries`)');
  addOutputOptions(command, { quiet: 'print the id of the delivery only' });
  command.action(async (id: string, deliveryId: string) => {
    const assay = await connect(cli);
    const delivery = await assay.webhooks.redeliver(id, deliveryId, { signal: cli.signal });
    await cli.printer.show({
      document: { delivery },
      ids: [delivery.id],
      human: text(`${delivery.id} is on its way again.\n`),
    });
  });
}
