import type { NewJob } from '@assay/sdk';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { followJob, jobFailure } from '../followed-job.ts';
import { outputText } from '../job-view.ts';
import { readJsonArgument, readJsonObject } from '../json-file.ts';
import { type Fallback, fallback, moment, priority } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';
import { whatWasSaid } from '../what-was-said.ts';

type Options = {
  input?: string;
  modality?: NewJob['modality'];
  provider?: string;
  model?: string;
  tier?: NewJob['tier'];
  fallback?: Fallback[];
  params?: string;
  priority?: number;
  at?: string;
  wait?: boolean;
  idempotencyKey?: string;
};

const HELP = `
Without --wait it prints the id. With --wait it prints what the model said, and ends with 8 when the job failed.

  assay jobs create 'Say hello.' --model echo --wait
  assay jobs create -i @conversation.json --modality chat --tier basic --at 2h`;

export function define(command: Command, cli: Cli): void {
  command
    .argument('[prompt]', 'what is asked')
    .option('-i, --input <json>', 'instead: a conversation or texts, as JSON, @FILE, or @- for standard input')
    .addOption(new Option('--modality <what>', 'what is done').choices(['text', 'chat', 'embedding', 'noop']))
    .option('--model <name>', 'the model that is asked')
    .option('--provider <name>', 'the provider that is asked')
    .addOption(new Option('--tier <tier>', 'any model of this tier').choices(['basic', 'standard', 'premium']))
    .option(
      '--fallback <model>',
      'who is asked instead: a MODEL, or provider=NAME,model=NAME,tier=TIER, as much of it as matters; may be repeated',
      fallback,
    )
    .option('--params <json>', 'options of the model: a JSON object, or @FILE')
    .option('--priority <n>', 'jobs of higher ones begin first, -10 to 10', priority)
    .option('--at <when>', 'begin then, not before: a time from now like 2h, or a date', moment)
    .option('-w, --wait', 'wait for its end')
    .option('--idempotency-key <key>', 'make one job, however often this is repeated with the same key')
    .addHelpText('after', HELP);
  addOutputOptions(command, { quiet: 'print the id only', jsonl: 'with --wait: an event a line, as they come' });
  command.action((prompt: string | undefined, options: Options) => create(prompt, options, cli));
}

async function create(prompt: string | undefined, options: Options, cli: Cli): Promise<void> {
  const { printer, signal } = cli;
  if (printer.format === 'jsonl' && !options.wait)
    throw usageError('--jsonl needs --wait: without it there is one document.');
  const body = await readJob(prompt, options, cli);
  const assay = await connect(cli);
  const made = await assay.jobs.create(body, { signal, idempotencyKey: options.idempotencyKey });
  if (!options.wait || printer.format === 'quiet')
    await printer.show({ document: { job: made }, ids: [made.job_id], human: text(`${made.job_id}\n`) });
  if (!options.wait) return printer.note(`Submitted. Follow it: assay jobs watch ${made.job_id}`);
  const ended = await followJob(assay, made.job_id, { cli, tell: false });
  const failure = jobFailure(ended);
  if (printer.format === 'json' || (printer.format === 'human' && !failure))
    await printer.show({ document: { job: ended }, human: text(outputText(ended)) });
  if (failure && printer.format !== 'json' && printer.format !== 'jsonl') throw failure;
  cli.exit = failure?.exit ?? cli.exit;
}

async function readJob(prompt: string | undefined, options: Options, cli: Cli): Promise<NewJob> {
  const { modality, provider, model, tier, params, at } = options;
  if ((prompt === undefined) === (options.input === undefined))
    throw usageError('Say what is asked once: a PROMPT, or --input.');
  const input = prompt ?? ((await readJsonArgument(options.input ?? '', cli)) as NewJob['input']);
  const said = whatWasSaid({
    modality,
    provider,
    model,
    tier,
    fallbacks: options.fallback as NewJob['fallbacks'],
    priority: options.priority,
    run_at: at,
    params: params === undefined ? undefined : await readJsonObject(params, cli),
  });
  return { input, ...said };
}
