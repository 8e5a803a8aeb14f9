import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connectAs } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { describeSelf } from '../self.ts';
import { fields } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async () => {
    const { assay, credentials } = await connectAs(cli);
    const { principal, holder, organization } = await describeSelf(assay, cli.signal);
    await cli.printer.show({
      document: { principal, email: holder.email, server: assay.baseUrl, profile: credentials.profile },
      ids: [principal.id],
      human: fields(
        ['id', principal.id],
        ['kind', principal.kind],
        ['e-mail', holder.email],
        ['organization', organization],
        ['role', principal.role],
        ['posture', principal.posture],
        ['scopes', principal.scopes.join(' ')],
        ['server', assay.baseUrl],
        ['profile', cli.environment.apiKey === null ? credentials.profile : 'none: ASSAY_API_KEY'],
      ),
    });
  });
}
