import type { Budget } from '@assay/contract';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { dollars, microDollars } from '../dollars.ts';
import { wholeNumber } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { fields } from '../view.ts';

type Options = { limit: number; period: string; for?: string; tellAt?: number[]; idempotencyKey?: string };

const collect = (value: string, before: readonly number[] = []): number[] => [...before, wholeNumber(value)];

export function define(command: Command, cli: Cli): void {
  command
    .argument('<name>', 'what it is for')
    .requiredOption('--limit <dollars>', 'what may be spent in a period', microDollars)
    .addOption(new Option('--period <period>', 'in UTC').choices(['day', 'week', 'month', 'total']).default('month'))
    .option('--for <kind:id>', 'team:ID, project:ID, key:ID or agent:ID; the organization unless given')
    .option('--tell-at <percent>', 'tell when this much of the limit is spent; may be repeated', collect)
    .option('--idempotency-key <key>', 'make one, however often this is repeated with the same key');
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async (name: string, options: Options) => {
    const [kind = 'organization', id] = options.for?.split(/:(.*)/s) ?? [];
    const body = {
      name,
      scope: { kind, ...(id !== undefined && { id }) },
      period: options.period,
      limit_micros: options.limit,
      thresholds: options.tellAt ?? [],
    };
    const assay = await connect(cli);
    const answer = await assay.request(
      { method: 'POST', path: '/v1/budgets', body },
      { signal: cli.signal, idempotencyKey: options.idempotencyKey },
    );
    const { budget } = ((await answer.json()) as { data: { budget: Budget } }).data;
    await cli.printer.show({
      document: { budget },
      ids: [budget.id],
      human: fields(
        ['id', budget.id],
        ['name', budget.name],
        ['for', `${budget.scope.kind} ${budget.scope.id}`],
        ['limit', `${dollars(budget.limit_micros)} ${budget.period === 'total' ? 'in all' : `a ${budget.period}`}`],
        ['spent', dollars(budget.spent_micros)],
        ['left', dollars(budget.remaining_micros)],
        ['resets', budget.resets_at ?? 'never'],
      ),
    });
  });
}
