import type { Assay, EvaluationPage, EvaluationStatus } from '@assay/sdk';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { wholeNumber } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { table } from '../view.ts';

type Options = { limit: number; offset: number; all?: boolean; status?: EvaluationStatus['status'] };

const STATUSES = ['queued', 'running', 'completed', 'failed', 'timeout', 'cancelled'];
/** The longest page that the server gives. */
const WHOLE_PAGE = 1_000;

export function define(command: Command, cli: Cli): void {
  command
    .option('--limit <n>', 'how many', wholeNumber, 20)
    .option('--offset <n>', 'how many to pass over', wholeNumber, 0)
    .option('--all', 'every one, however many there are')
    .addOption(new Option('--status <status>', 'only those').choices(STATUSES));
  addOutputOptions(command, { quiet: 'print ids only' });
  command.action(async (options: Options) => {
    const page = await read(await connect(cli), options, cli.signal);
    const { evaluations, has_more, offset, count } = page;
    await cli.printer.show({
      document: page,
      ids: evaluations.map(({ eval_id }) => eval_id),
      human: table(
        ['id', 'status', 'language', 'created', 'ms', 'reason', 'code'],
        evaluations.map((run) => [
          run.eval_id,
          run.status,
          run.language,
          run.created_at,
          run.runtime_ms === null ? null : Math.round(run.runtime_ms),
          run.reason,
          run.code_preview,
        ]),
        'There are no runs here.',
      ),
    });
    if (has_more) await cli.printer.note(`${count} in all. The next: --offset ${offset + evaluations.length}`);
  });
}

async function read(
  assay: Assay,
  { limit, offset, all, status }: Options,
  signal: AbortSignal,
): Promise<EvaluationPage> {
  if (!all) return assay.evaluations.list({ limit, offset, status }, { signal }).firstPage();
  const evaluations: EvaluationPage['evaluations'] = [];
  let count = 0;
  for await (const page of assay.evaluations.list({ limit: WHOLE_PAGE, offset, status }, { signal }).pages()) {
    evaluations.push(...page.evaluations);
    count = page.count;
  }
  return { evaluations, count, limit: evaluations.length, offset, has_more: false };
}
