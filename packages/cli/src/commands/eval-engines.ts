import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { table } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  addOutputOptions(command, { quiet: 'print the names of those that can be had' });
  command.action(async () => {
    const assay = await connect(cli);
    const offer = await assay.platform.engines({ signal: cli.signal });
    await cli.printer.show({
      document: offer,
      ids: offer.engines.map(({ engine }) => engine),
      human: table(
        ['engine', 'isolation', 'version', 'remarks'],
        [
          ...offer.engines.map(({ engine, level, version, missing }) => [engine, level, version, missing.join(' ')]),
          ...offer.refused.map(({ engine, reason, fix }) => [engine, 'not offered', null, `${reason} ${fix}`]),
        ],
        'No runner is connected, so nothing can be run. `assay status` says more.',
      ),
    });
  });
}
