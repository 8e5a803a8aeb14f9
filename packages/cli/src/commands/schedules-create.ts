import type { NewSchedule } from '@assay/sdk';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { readJsonObject } from '../json-file.ts';
import { priority } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { scheduleFields } from '../schedule-view.ts';
import { readWorkflowName } from '../workflow-name.ts';

type Options = {
  workflow: string;
  cron: string;
  timeZone: string;
  overlap: NonNullable<NewSchedule['overlap']>;
  catchUp: NonNullable<NewSchedule['catch_up']>;
  input?: string;
  priority: number;
  paused?: boolean;
  start: boolean;
  idempotencyKey?: string;
};

const HELP = `
It makes runs in your name, as long as you may.

  assay schedules create Nightly --workflow reports --cron '0 3 * * *' --time-zone Europe/Berlin`;

export function define(command: Command, cli: Cli): void {
  command
    .argument('<name>', 'what it is called')
    .requiredOption('--workflow <workflow>', 'what is run: NAME, the newest version each time, or NAME@VERSION')
    .requiredOption('--cron <cron>', 'minute, hour, day, month and weekday; or @hourly, @daily, @weekly, …')
    .option('--time-zone <zone>', 'by whose clock', 'UTC')
    .addOption(
      new Option('--overlap <what>', 'while a run has not ended: none, one after it, or one beside it')
        .choices(['skip', 'queue', 'allow'])
        .default('skip'),
    )
    .addOption(
      new Option('--catch-up <which>', 'which runs are made up for that nobody made in time')
        .choices(['skip', 'latest', 'all'])
        .default('latest'),
    )
    .option('-i, --input <json>', 'what runs are given: a JSON object, @FILE, or @- for standard input')
    .option('--priority <n>', 'nodes of higher ones run first, -10 to 10', priority, 0)
    .option('--paused', 'let it wait until it is resumed')
    .option('--no-start', 'make runs, and leave starting them to somebody')
    .option('--idempotency-key <key>', 'make one, however often this is repeated with the same key')
    .addHelpText('after', HELP);
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async (name: string, options: Options) => {
    const { workflow, cron, timeZone, overlap, catchUp, priority: urgency, paused = false, start } = options;
    const { name: workflow_name, version = null } = readWorkflowName(workflow);
    const input = await readJsonObject(options.input, cli);
    const terms = { cron, time_zone: timeZone, overlap, catch_up: catchUp, input, priority: urgency, paused, start };
    const assay = await connect(cli);
    const made = await assay.schedules.create(
      { name, workflow_name, workflow_version: version, ...terms },
      { signal: cli.signal, idempotencyKey: options.idempotencyKey },
    );
    await cli.printer.show({ document: { workflow_schedule: made }, ids: [made.id], human: scheduleFields(made) });
  });
}
