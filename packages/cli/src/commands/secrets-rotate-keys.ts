import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { table } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  addOutputOptions(command, { quiet: 'print purposes only' });
  command.action(async () => {
    const assay = await connect(cli);
    const keys = await assay.secrets.rotateDataKeys({ signal: cli.signal });
    await cli.printer.show({
      document: { data_keys: keys },
      ids: keys.map(({ purpose }) => purpose),
      human: table(
        ['purpose', 'version'],
        keys.map(({ purpose, version }) => [purpose, version]),
        'Nothing is sealed here yet.',
      ),
    });
    await cli.printer.note('What is sealed with older keys is sealed anew in the background.');
  });
}
