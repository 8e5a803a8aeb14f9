import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { wholeNumber } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { pageOf } from '../page-of.ts';
import { definitionTable } from '../workflow-view.ts';

type Options = { name?: string; limit: number; cursor?: string; all?: boolean };

export function define(command: Command, cli: Cli): void {
  command
    .option('--name <name>', 'only versions of this workflow')
    .option('--limit <n>', 'how many, at most 200', wholeNumber, 50)
    .option('--cursor <cursor>', 'where a page before this one ended')
    .option('--all', 'every one, however many there are');
  addOutputOptions(command, { quiet: 'print ids only' });
  command.action(async ({ all, ...query }: Options) => {
    const assay = await connect(cli);
    const listing = assay.workflows.list(query, { signal: cli.signal });
    const { items, next_cursor } = await pageOf(listing, all, (page) => page.workflow_definitions);
    await cli.printer.show({
      document: { workflow_definitions: items, next_cursor },
      ids: items.map(({ id }) => id),
      human: definitionTable(items),
    });
    if (next_cursor !== null) await cli.printer.note(`There are more. The next: --cursor ${next_cursor}`);
  });
}
