import type { UsageSummary } from '@assay/contract';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { dollars } from '../dollars.ts';
import { moment } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { table } from '../view.ts';

type Options = { groupBy: string; bucket?: string; from?: string; to?: string; own?: boolean };

export function define(command: Command, cli: Cli): void {
  command
    .option(
      '--group-by <list>',
      'up to three of provider, model, principal, key, team, project, agent, work_type, work, day',
      'provider,model',
    )
    .addOption(new Option('--bucket <bucket>', 'sum over').choices(['hour', 'day', 'week', 'month']))
    .option('--from <when>', 'a date; thirty days ago unless given', moment)
    .option('--to <when>', 'a date', moment)
    .option('--own', 'only what this very credential used');
  addOutputOptions(command, { quiet: 'print the cost in micro-dollars only' });
  command.action(async ({ own, ...options }: Options) => {
    const assay = await connect(cli);
    const { groupBy, ...rest } = options;
    const query = new URLSearchParams({ group_by: groupBy, ...rest });
    const { organization_id: orgId } = own ? { organization_id: null } : await assay.me({ signal: cli.signal });
    const path = own ? '/v1/me/usage' : `/v1/organizations/${orgId}/usage`;
    const answer = await assay.request({ method: 'GET', path: `${path}?${query}` }, { signal: cli.signal });
    const { usage } = ((await answer.json()) as { data: { usage: UsageSummary } }).data;
    const total = dollars(usage.total.cost_micros);
    await cli.printer.show({
      document: { usage },
      ids: [String(usage.total.cost_micros)],
      human: table(
        [
          ...(options.bucket ? [options.bucket] : []),
          ...usage.group_by,
          'calls',
          'input',
          'cached',
          'output',
          'reasoning',
          'cost',
        ],
        usage.groups.map((group) => [
          ...(options.bucket ? [group.bucket] : []),
          ...usage.group_by.map((name) => group.group[name] ?? '–'),
          group.records,
          group.input_tokens,
          group.cache_read_tokens,
          group.output_tokens,
          group.reasoning_tokens,
          dollars(group.cost_micros),
        ]),
        'Nothing was used in this time.',
      ),
    });
    await cli.printer.note(`${total} for ${usage.total.records} calls since ${usage.from}`);
  });
}
