import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { fields } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('--generate', 'make a new key in the file of the server first')
    .option('--status', 'change nothing; show how things stand');
  addOutputOptions(command, { quiet: 'print the name of the master key only' });
  command.action(async ({ generate = false, status }: { generate?: boolean; status?: boolean }) => {
    const { secrets } = await connect(cli);
    const { signal } = cli;
    const keys = status
      ? await secrets.encryptionKeys({ signal })
      : await secrets.rotateMasterKey({ generate }, { signal });
    await cli.printer.show({
      document: { encryption_keys: keys },
      ids: [keys.master_key],
      human: fields(
        ['in use', keys.master_key],
        ['this server has', keys.available.join(' ')],
        ['still needed', keys.needed.join(' ')],
        ['data keys to wrap anew', keys.pending],
      ),
    });
    if (!status && keys.needed.length > 1)
      await cli.printer.note(
        'Keep the old key until `assay secrets rotate-master --status` no longer names it as needed.',
      );
  });
}
