import type { ApiKeyPage, Assay } from '@assay/sdk';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { wholeNumber } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { table } from '../view.ts';

type Options = { limit: number; cursor?: string; all?: boolean };

/** The longest page that the server gives. */
const WHOLE_PAGE = 200;

export function define(command: Command, cli: Cli): void {
  command
    .option('--limit <n>', 'how many', wholeNumber, 50)
    .option('--cursor <cursor>', 'where to go on')
    .option('--all', 'every one, however many there are');
  addOutputOptions(command, { quiet: 'print ids only' });
  command.action(async (options: Options) => {
    const page = await read(await connect(cli), options, cli.signal);
    await cli.printer.show({
      document: page,
      ids: page.api_keys.map(({ id }) => id),
      human: table(
        ['id', 'name', 'key', 'status', 'created', 'expires', 'scopes'],
        page.api_keys.map((key) => [
          key.id,
          key.name,
          `${key.prefix}…${key.last_four}`,
          key.status,
          key.created_at,
          key.expires_at ?? 'never',
          key.scopes.length > 3 ? `${key.scopes.length} scopes` : key.scopes.join(' '),
        ]),
        'There are no keys here.',
      ),
    });
    if (page.next_cursor !== null) await cli.printer.note(`The next: --cursor ${page.next_cursor}`);
  });
}

async function read(assay: Assay, { limit, cursor, all }: Options, signal: AbortSignal): Promise<ApiKeyPage> {
  const from = cursor === undefined ? {} : { cursor };
  if (!all) return assay.apiKeys.list({ limit, ...from }, { signal }).firstPage();
  const keys = await assay.apiKeys.list({ limit: WHOLE_PAGE, ...from }, { signal }).toArray();
  return { api_keys: keys, next_cursor: null };
}
