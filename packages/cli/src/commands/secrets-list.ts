import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { wholeNumber } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { table } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command.option('--limit <n>', 'how many', wholeNumber, 50).option('--cursor <cursor>', 'where to go on');
  addOutputOptions(command, { quiet: 'print names only' });
  command.action(async ({ limit, cursor }: { limit: number; cursor?: string }) => {
    const assay = await connect(cli);
    const query = { limit, ...(cursor === undefined ? {} : { cursor }) };
    const page = await assay.secrets.list(query, { signal: cli.signal }).firstPage();
    await cli.printer.show({
      document: page,
      ids: page.secrets.map(({ name }) => name),
      human: table(
        ['name', 'version', 'updated', 'last used', 'description'],
        page.secrets.map((secret) => [
          secret.name,
          secret.version,
          secret.updated_at,
          secret.last_used_at ?? 'never',
          secret.description,
        ]),
        'There are no secrets here.',
      ),
    });
    if (page.next_cursor !== null) await cli.printer.note(`The next: --cursor ${page.next_cursor}`);
  });
}
