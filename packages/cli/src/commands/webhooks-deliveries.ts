import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { wholeNumber } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { deliveryTable } from '../webhook-view.ts';

type Options = { status?: 'pending' | 'delivered' | 'failed'; limit: number };

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'the webhook, by its id (`assay webhooks list`)')
    .addOption(new Option('--status <status>', 'only these').choices(['pending', 'delivered', 'failed']))
    .option('--limit <count>', 'the newest so many', wholeNumber, 50);
  addOutputOptions(command, { quiet: 'print ids only' });
  command.action(async (id: string, { status, limit }: Options) => {
    const assay = await connect(cli);
    const listing = assay.webhooks.deliveries(id, { status, limit: Math.min(limit, 200) }, { signal: cli.signal });
    const deliveries = await listing.toArray({ limit });
    await cli.printer.show({
      document: { deliveries },
      ids: deliveries.map((delivery) => delivery.id),
      human: deliveryTable(deliveries),
    });
  });
}
