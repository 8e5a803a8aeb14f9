import type { NewApiKey } from '@assay/sdk';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { moment, several } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { fields } from '../view.ts';

type Options = {
  scope?: string[];
  permissionSet?: NonNullable<NewApiKey['permission_set']>;
  expires?: string;
  idempotencyKey?: string;
};

export function define(command: Command, cli: Cli): void {
  command
    .argument('<name>', 'what it is for')
    .option('--scope <scope>', 'what it may do, like evaluations:write; may be repeated', several)
    .addOption(
      new Option('--permission-set <set>', 'a set of scopes instead')
        .choices(['full_access', 'submit_observe', 'read_only'])
        .conflicts('scope'),
    )
    .option('--expires <when>', 'a time from now like 90d, or a date', moment)
    .option('--idempotency-key <key>', 'make one, however often this is repeated with the same key');
  addOutputOptions(command, { quiet: 'print the key itself and nothing else' });
  command.action(async (name: string, options: Options) => {
    const assay = await connect(cli);
    const request = {
      name,
      ...(options.scope && { scopes: options.scope }),
      ...(options.permissionSet && { permission_set: options.permissionSet }),
      ...(options.expires !== undefined && { expires_at: options.expires }),
    };
    const created = await assay.apiKeys.create(request, { signal: cli.signal, idempotencyKey: options.idempotencyKey });
    const { api_key: key, raw_key } = created;
    await cli.printer.show({
      document: created,
      ids: [raw_key],
      human: fields(
        ['key', raw_key],
        ['id', key.id],
        ['name', key.name],
        ['scopes', key.scopes.join(' ')],
        ['expires', key.expires_at ?? 'never'],
      ),
    });
    await cli.printer.note('The key is shown this once. Keep it where secrets are kept.');
  });
}
