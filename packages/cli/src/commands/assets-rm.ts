import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<id>', 'the asset').option('-y, --yes', 'do it; it cannot be undone');
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async (id: string, { yes }: { yes?: boolean }) => {
    if (!yes)
      throw usageError(
        `Nothing was deleted. What asset ${id} holds could not be had again.`,
        'Say that this is meant: --yes',
      );
    const assay = await connect(cli);
    const asset = await assay.assets.delete(id, { signal: cli.signal });
    await cli.printer.show({
      document: { asset },
      ids: [asset.id],
      human: text(`Deleted ${asset.id} (${asset.filename}).\n`),
    });
  });
}
