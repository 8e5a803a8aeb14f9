import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { microDollars } from '../dollars.ts';
import { followWorkflowRun, workflowRunFailure } from '../followed-workflow-run.ts';
import { readJsonObject } from '../json-file.ts';
import { priority } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';
import { readWorkflowName } from '../workflow-name.ts';

type Options = {
  input?: string;
  priority?: number;
  wait?: boolean;
  budget?: number;
  concurrencyKey?: string;
  idempotencyKey?: string;
};

const HELP = `
Without --wait it prints the id. With --wait it prints the context that the run ends with, and ends with 8 when the run
failed, 124 when it took longer than its definition lets it.

  assay run orders -i @order.json --wait
  assay run orders@2 -i '{"lines": []}'`;

export function define(command: Command, cli: Cli): void {
  command
    .argument('<workflow>', 'its name, or NAME@VERSION')
    .option('-i, --input <json>', 'what it is given: a JSON object, @FILE, or @- for standard input')
    .option('--priority <n>', 'nodes of higher ones run first, -10 to 10', priority)
    .option('--budget <dollars>', 'what it may cost, with the runs that it makes', microDollars)
    .option('--concurrency-key <key>', 'of runs with the same key only as many are under way as the workflow says')
    .option('-w, --wait', 'wait for its end')
    .option('--idempotency-key <key>', 'make one run, however often this is repeated with the same key')
    .addHelpText('after', HELP);
  addOutputOptions(command, { quiet: 'print the id only', jsonl: 'with --wait: an event a line, as they come' });
  command.action((workflow: string, options: Options) => run(workflow, options, cli));
}

async function run(workflow: string, options: Options, cli: Cli): Promise<void> {
  const { printer, signal } = cli;
  if (printer.format === 'jsonl' && !options.wait)
    throw usageError('--jsonl needs --wait: without it there is one document.');
  const wanted = readWorkflowName(workflow);
  const input = await readJsonObject(options.input, cli);
  const assay = await connect(cli);
  const { idempotencyKey, concurrencyKey, budget, priority: urgency } = options;
  const body = {
    ...wanted,
    input,
    start: true,
    ...(urgency !== undefined && { priority: urgency }),
    ...(budget !== undefined && { budget_micros: budget }),
    ...(concurrencyKey !== undefined && { concurrency_key: concurrencyKey }),
  };
  const made = await assay.runs.create(body, { signal, idempotencyKey });
  if (!options.wait || printer.format === 'quiet')
    await printer.show({ document: { workflow_run: made }, ids: [made.id], human: text(`${made.id}\n`) });
  if (!options.wait) return printer.note(`Started. Follow it: assay runs watch ${made.id}`);
  const ended = await followWorkflowRun(assay, made.id, { cli, tell: false });
  const context = text(`${JSON.stringify(ended.context, null, 2)}\n`);
  if (printer.format === 'json' || printer.format === 'human')
    await printer.show({ document: { workflow_run: ended }, human: context });
  const failure = workflowRunFailure(ended);
  if (failure && printer.format !== 'json' && printer.format !== 'jsonl') throw failure;
  cli.exit = failure?.exit ?? cli.exit;
}
