import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { fields } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async () => {
    const assay = await connect(cli);
    const principal = await assay.me({ signal: cli.signal });
    await cli.printer.show({
      document: { principal },
      ids: [principal.id],
      human: fields(
        ['id', principal.id],
        ['kind', principal.kind],
        ['organization', principal.organization_id],
        ['role', principal.role],
        ['posture', principal.posture],
        ['scopes', principal.scopes.join(' ')],
        ['server', assay.baseUrl],
      ),
    });
  });
}
