import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { table } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  addOutputOptions(command, { quiet: 'print names only' });
  command.action(async () => {
    const assay = await connect(cli);
    const offered = await assay.platform.languages({ signal: cli.signal });
    await cli.printer.show({
      document: offered,
      ids: offered.languages.map(({ language }) => language),
      human: table(
        ['language', 'version', 'compiled'],
        offered.languages.map(({ language, version, compiled }) => [language, version, compiled ? 'yes' : 'no']),
        'No runner is connected, so nothing can be run. `assay status` says more.',
      ),
    });
  });
}
