import type { StreamEvent } from '@assay/contract';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { visibleCell } from '../visible-text.ts';

type Options = { type?: string[]; subject?: string[]; after?: string };

const HELP = `
Shows what happens from now on, or after an event that was seen, until it is interrupted. A connection that breaks is made
again, and nothing is lost or shown twice. The last column is the id of the event, which --after takes; --after 0-0 begins
with all that is kept.`;

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

export function define(command: Command, cli: Cli): void {
  command
    .option(
      '--type <pattern>',
      'a type of events, * for any characters: budget.*; may be repeated; all unless given',
      collect,
    )
    .option('--subject <id>', 'only about this thing; may be repeated', collect)
    .option('--after <event id>', 'begin behind this event')
    .addHelpText('after', HELP);
  addOutputOptions(command, { jsonl: 'an event a line' });
  command.action(async ({ type: types = [], subject: subjects = [], after }: Options) => {
    const assay = await connect(cli);
    const options = {
      signal: cli.signal,
      lastEventId: after,
      onReconnect: () => void cli.printer.note('reconnected'),
    };
    for await (const event of assay.events.stream({ types, subjects }, options)) {
      if (cli.printer.format === 'jsonl') await cli.printer.event(event);
      else await cli.printer.program('stdout', lineOf(event));
    }
  });
}

const lineOf = ({ occurred_at, type, subject, id, data }: StreamEvent): string =>
  `${[occurred_at, type, subject, JSON.stringify(data), id].map(visibleCell).join('\t')}\n`;
