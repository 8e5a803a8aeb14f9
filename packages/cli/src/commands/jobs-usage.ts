import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { costOf, usageTable } from '../job-view.ts';
import { addOutputOptions } from '../output-options.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<id>', 'the job');
  addOutputOptions(command, { quiet: 'print the cost in micro-dollars only' });
  command.action(async (id: string) => {
    const assay = await connect(cli);
    const usage = await assay.jobs.usage(id, { signal: cli.signal });
    await cli.printer.show({
      document: { usage },
      ids: [String(Math.round(usage.cost_usd * 1_000_000))],
      human: usageTable(usage),
    });
    const { waited, ran } = usage.seconds;
    await cli.printer.note(`${costOf(usage.cost_usd)} in all. It waited ${waited} s and ran ${ran} s.`);
  });
}
