import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<name>', 'the secret').option('-y, --yes', 'do it; it cannot be undone');
  addOutputOptions(command, { quiet: 'print the name only' });
  command.action(async (name: string, { yes }: { yes?: boolean }) => {
    if (!yes) {
      throw usageError(
        `Nothing was deleted. Whatever uses ${name} fails from that moment, and its values cannot be had again.`,
        'Say that this is meant: --yes',
      );
    }
    const assay = await connect(cli);
    const secret = await assay.secrets.delete(name, { signal: cli.signal });
    await cli.printer.show({ document: { secret }, ids: [secret.name], human: text(`Deleted ${secret.name}.\n`) });
  });
}
