import type { Command } from 'commander';
import { assetTable } from '../asset-view.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { addPageOptions, type PageOptions, showPage } from '../page-options.ts';

export function define(command: Command, cli: Cli): void {
  addPageOptions(command);
  addOutputOptions(command, { quiet: 'print ids only' });
  command.action(async ({ all, ...query }: PageOptions) => {
    const assay = await connect(cli);
    await showPage(cli, {
      listing: assay.assets.list(query, { signal: cli.signal }),
      all,
      itemsOf: (page) => page.assets,
      name: 'assets',
      id: ({ id }) => id,
      human: assetTable,
    });
  });
}
