import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { webhookFields } from '../webhook-view.ts';

type Options = { event?: string[]; subject?: string[]; description?: string; idempotencyKey?: string };

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

export function define(command: Command, cli: Cli): void {
  command
    .argument('<url>', 'where messages are posted to')
    .option(
      '--event <pattern>',
      'a type of events, * for any characters: budget.*; may be repeated; all unless given',
      collect,
    )
    .option('--subject <id>', 'a thing that events are about; may be repeated; all unless given', collect)
    .option('--description <text>', 'what it is for')
    .option('--idempotency-key <key>', 'make one, however often this is repeated with the same key');
  addOutputOptions(command, { quiet: 'print the secret only' });
  command.action(async (url: string, { event, subject, description, idempotencyKey }: Options) => {
    const assay = await connect(cli);
    const body = {
      url,
      event_types: event ?? [],
      subjects: subject ?? [],
      ...(description !== undefined && { description }),
    };
    const issued = await assay.webhooks.create(body, { signal: cli.signal, idempotencyKey });
    await cli.printer.show({
      document: issued,
      ids: [issued.secret],
      human: webhookFields(issued.webhook, issued.secret),
    });
    await cli.printer.note('The secret is shown this once. Receivers check signatures with it.');
  });
}
