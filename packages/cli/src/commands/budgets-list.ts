import type { Budget } from '@assay/contract';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { dollars } from '../dollars.ts';
import { addOutputOptions } from '../output-options.ts';
import { table } from '../view.ts';

type Page = { data: { budgets: Budget[] }; links: { next?: string } };

export function define(command: Command, cli: Cli): void {
  addOutputOptions(command, { quiet: 'print ids only' });
  command.action(async () => {
    const assay = await connect(cli);
    const budgets: Budget[] = [];
    let path: string | undefined = '/v1/budgets?limit=200';
    while (path !== undefined) {
      const answer: Response = await assay.request({ method: 'GET', path }, { signal: cli.signal });
      const { data, links } = (await answer.json()) as Page;
      budgets.push(...data.budgets);
      path = links.next;
    }
    await cli.printer.show({
      document: { budgets },
      ids: budgets.map(({ id }) => id),
      human: table(
        ['id', 'name', 'for', 'period', 'limit', 'spent', 'reserved', 'left', 'resets'],
        budgets.map((budget) => [
          budget.id,
          budget.name,
          budget.scope.kind === 'organization' ? 'organization' : `${budget.scope.kind}:${budget.scope.id}`,
          budget.period,
          dollars(budget.limit_micros),
          dollars(budget.spent_micros),
          dollars(budget.reserved_micros),
          dollars(budget.remaining_micros),
          budget.resets_at ?? 'never',
        ]),
        'There are no budgets here: nothing caps what is spent. Make one: assay budgets create',
      ),
    });
  });
}
