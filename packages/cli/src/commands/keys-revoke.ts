import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<id>', 'the key, by its id (`assay keys list`)').option('-y, --yes', 'do it; it cannot be undone');
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async (id: string, { yes }: { yes?: boolean }) => {
    if (!yes) {
      throw usageError(
        `Nothing was revoked. Whoever uses key ${id} is refused from that moment, and it cannot be undone.`,
        'Say that this is meant: --yes',
      );
    }
    const assay = await connect(cli);
    const key = await assay.apiKeys.revoke(id, { signal: cli.signal });
    await cli.printer.show({
      document: { api_key: key },
      ids: [key.id],
      human: text(`Revoked ${key.id} (${key.name}).\n`),
    });
  });
}
