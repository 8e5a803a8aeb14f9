import type { Assay, EvaluationRecord, EvaluationRequest } from '@assay/sdk';
import { type Command, InvalidArgumentError } from 'commander';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { runFailure } from '../ended-run.ts';
import { followRun } from '../followed-run.ts';
import { decimalNumber, mebibytes, pair, seconds, several, wholeNumber } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { saveResultFiles } from '../result-files.ts';
import { type RunOptions, readRunRequest } from '../run-request.ts';
import { text } from '../view.ts';

type Options = RunOptions & { wait?: boolean; save?: string; idempotencyKey?: string };

const HELP = `
Without --wait it prints the id. With --wait it writes what the program writes, to the same two streams, and ends with
8 when the program failed, 124 when it ran out of time.

  assay eval run hello.py --wait
  assay eval run -c 'print(6 * 7)' --lang python --wait
  assay eval run report.py --file data/in.csv --out 'out/*.pdf' --save results --wait`;

export function define(command: Command, cli: Cli): void {
  command
    .argument('[file]', 'the program; - for standard input')
    .option('-c, --code <code>', 'the program itself')
    .option('-l, --lang <language>', 'its language; told by the ending of FILE when left out')
    .option('--timeout <time>', 'wall time it may take, like 10s or 2m', seconds)
    .option('--mem <size>', 'memory it may take, like 256m', mebibytes)
    .option('--cpu <cores>', 'cores it may use', decimalNumber)
    .option('--processes <n>', 'processes it may have at a time', wholeNumber)
    .option('--engine <engine>', 'the weakest isolation that will do (`assay eval engines`)')
    .option('--engine-strict', 'refuse any engine but the one named')
    .option('--priority <n>', 'higher runs earlier', wholeNumber)
    .option('--stdin <file>', 'what it reads on standard input; - passes on ours')
    .option('--arg <value>', 'an argument for it; may be repeated', several)
    .option('--env <name=value>', 'a variable for it; may be repeated', pair)
    .option('--file <path>', 'a file to put beside it, PATH or PATH:NAME; may be repeated', several)
    .option('--out <glob>', 'files to bring back when it has ended; may be repeated', several)
    .option('--save <folder>', 'put those files there', notEmpty)
    .option('-w, --wait', 'wait for its end')
    .option('--idempotency-key <key>', 'submit once, however often this is repeated with the same key')
    .addHelpText('after', HELP);
  addOutputOptions(command, { quiet: 'print the id only', jsonl: 'with --wait: an event a line, as they come' });
  command.action((file: string | undefined, options: Options) => run(file, options, cli));
}

async function run(file: string | undefined, options: Options, cli: Cli): Promise<void> {
  if (options.save !== undefined && options.wait !== true)
    throw usageError('--save needs --wait: there are no files before the end.');
  const request = await readRunRequest(file, options, cli);
  const assay = await connect(cli);
  const call = { signal: cli.signal, idempotencyKey: options.idempotencyKey };
  if (options.wait && cli.printer.format === 'json') return runToRecord(assay, request, { ...options, call }, cli);
  const submitted = await assay.evaluations.submit(request, call);
  const id = submitted.eval_id;
  if (!options.wait || cli.printer.format === 'quiet') {
    await cli.printer.show({ document: submitted, ids: [id], human: text(`${id}\n`) });
  }
  if (!options.wait)
    return cli.printer.note(`Queued, position ${submitted.queue_position}. Follow it: assay eval logs -f ${id}`);
  const end = await followRun(assay, id, cli);
  if (options.save !== undefined)
    await saveResultFiles(assay, await assay.evaluations.get(id, call), options.save, cli);
  const failure = runFailure(end);
  if (failure && cli.printer.format !== 'jsonl') throw failure;
  cli.exit = failure?.exit ?? cli.exit;
}

type RecordOptions = Pick<Options, 'save'> & { call: { signal: AbortSignal; idempotencyKey: string | undefined } };

/** Prints nothing but the record at the end. */
async function runToRecord(
  assay: Assay,
  request: EvaluationRequest,
  { call, save }: RecordOptions,
  cli: Cli,
): Promise<void> {
  const { eval_id } = await assay.evaluations.run(request, call);
  const record: EvaluationRecord = await assay.evaluations.get(eval_id, { signal: cli.signal });
  if (save !== undefined) await saveResultFiles(assay, record, save, cli);
  await cli.printer.show({ document: record, human: text('') });
  cli.exit = runFailure(record)?.exit ?? cli.exit;
}

function notEmpty(value: string): string {
  if (value === '') throw new InvalidArgumentError('It must name a folder.');
  return value;
}
