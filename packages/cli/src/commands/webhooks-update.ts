import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { several } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { webhookFields } from '../webhook-view.ts';
import { whatWasSaid } from '../what-was-said.ts';

type Options = {
  url?: string;
  event?: string[];
  allEvents?: boolean;
  subject?: string[];
  allSubjects?: boolean;
  description?: string;
};

const HELP = `
What is not named stays as it is. Patterns and things that are given take the place of those that were.`;

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'the webhook, by its id (`assay webhooks list`)')
    .option('--url <url>', 'where messages are posted to')
    .option('--event <pattern>', 'a type of events, * for any characters; may be repeated', several)
    .addOption(new Option('--all-events', 'events of every type').conflicts('event'))
    .option('--subject <id>', 'a thing that events are about; may be repeated', several)
    .addOption(new Option('--all-subjects', 'events about everything').conflicts('subject'))
    .option('--description <text>', 'what it is for')
    .addHelpText('after', HELP);
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async (id: string, options: Options) => {
    const { url, event, allEvents, subject, allSubjects, description } = options;
    const event_types = allEvents ? [] : event;
    const change = whatWasSaid({ url, event_types, subjects: allSubjects ? [] : subject, description });
    if (Object.keys(change).length === 0)
      throw usageError('Say what is to be changed.', 'See `--help` for what can be.');
    const assay = await connect(cli);
    const webhook = await assay.webhooks.update(id, change, { signal: cli.signal });
    await cli.printer.show({ document: { webhook }, ids: [webhook.id], human: webhookFields(webhook) });
  });
}
