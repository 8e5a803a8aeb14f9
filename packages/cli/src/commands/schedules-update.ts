import type { ScheduleChange } from '@assay/sdk';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { readJsonObject } from '../json-file.ts';
import { priority } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { scheduleFields } from '../schedule-view.ts';
import { whatWasSaid } from '../what-was-said.ts';
import { readWorkflowName } from '../workflow-name.ts';

type Options = {
  name?: string;
  workflow?: string;
  cron?: string;
  timeZone?: string;
  overlap?: ScheduleChange['overlap'];
  catchUp?: ScheduleChange['catch_up'];
  input?: string;
  priority?: number;
  start?: boolean;
  ifMatch?: string;
};

const HELP = `
What is not named stays as it is. From then on it makes runs in your name.

  assay schedules update ID --cron '0 4 * * *'`;

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'the schedule')
    .option('--name <name>', 'what it is called')
    .option('--workflow <workflow>', 'what is run: NAME, the newest version each time, or NAME@VERSION')
    .option('--cron <cron>', 'minute, hour, day, month and weekday; or @hourly, @daily, @weekly, …')
    .option('--time-zone <zone>', 'by whose clock')
    .addOption(
      new Option('--overlap <what>', 'while a run has not ended: none, one after it, or one beside it').choices([
        'skip',
        'queue',
        'allow',
      ]),
    )
    .addOption(
      new Option('--catch-up <which>', 'which runs are made up for that nobody made in time').choices([
        'skip',
        'latest',
        'all',
      ]),
    )
    .option('-i, --input <json>', 'what runs are given: a JSON object, @FILE, or @- for standard input')
    .option('--priority <n>', 'nodes of higher ones run first, -10 to 10', priority)
    .option('--start', 'start runs as they are made')
    .option('--no-start', 'make runs, and leave starting them to somebody')
    .option('--if-match <etag>', 'only the version that `assay schedules get --json` named')
    .addHelpText('after', HELP);
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async (id: string, options: Options) => {
    const change = await readChange(options, cli);
    const assay = await connect(cli);
    const changed = await assay.schedules.update(id, change, { signal: cli.signal, etag: options.ifMatch });
    const document = { workflow_schedule: changed };
    await cli.printer.show({ document, ids: [changed.id], human: scheduleFields(changed) });
  });
}

async function readChange(options: Options, cli: Cli): Promise<ScheduleChange> {
  const { name, workflow, cron, timeZone, overlap, catchUp, input, start } = options;
  const named = workflow === undefined ? undefined : readWorkflowName(workflow);
  const change = whatWasSaid({
    name,
    workflow_name: named?.name,
    workflow_version: named && (named.version ?? null),
    cron,
    time_zone: timeZone,
    overlap,
    catch_up: catchUp,
    input: input === undefined ? undefined : await readJsonObject(input, cli),
    priority: options.priority,
    start,
  });
  if (Object.keys(change).length === 0) throw usageError('Say what is to be changed.', 'See `--help` for what can be.');
  return change;
}
