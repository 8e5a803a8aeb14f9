import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { deliveryTable } from '../webhook-view.ts';

/** A receiver has 15 s to answer; until it has, it is looked at so often. */
const LOOK_MS = 250;
const PATIENCE_MS = 20_000;

export function define(command: Command, cli: Cli): void {
  command.argument('<id>', 'the webhook, by its id (`assay webhooks list`)');
  addOutputOptions(command, { quiet: 'print the id of the delivery only' });
  command.action(async (id: string) => {
    const assay = await connect(cli);
    let delivery = await assay.webhooks.test(id, { signal: cli.signal });
    const until = Date.now() + PATIENCE_MS;
    while (delivery.status === 'pending' && Date.now() < until) {
      await delay(LOOK_MS, undefined, { signal: cli.signal });
      delivery = await assay.webhooks.delivery(id, delivery.id, { signal: cli.signal });
    }
    await cli.printer.show({ document: { delivery }, ids: [delivery.id], human: deliveryTable([delivery]) });
  });
}
