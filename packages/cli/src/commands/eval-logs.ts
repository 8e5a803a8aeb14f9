import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { runFailure } from '../ended-run.ts';
import { followRun } from '../followed-run.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

const HELP = `
What the run wrote to standard output and standard error goes to ours. With -f the command ends with the run: 8 when it
failed, 124 when it ran out of time.`;

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'the run')
    .option('-f, --follow', 'go on to its end; a broken connection is made again and loses nothing')
    .addHelpText('after', HELP);
  addOutputOptions(command, { jsonl: 'with --follow: an event a line, as they come' });
  command.action(async (id: string, { follow }: { follow?: boolean }) => {
    if (cli.printer.format === 'jsonl' && !follow)
      throw usageError('--jsonl needs --follow: without it there is one document.');
    const assay = await connect(cli);
    if (follow) {
      const end = await followRun(assay, id, cli);
      const failure = runFailure(end);
      if (failure && cli.printer.format === 'human') throw failure;
      cli.exit = failure?.exit ?? cli.exit;
      if (cli.printer.format !== 'json') return;
    }
    const logs = await assay.evaluations.logs(id, { signal: cli.signal });
    if (cli.printer.format === 'human') await cli.printer.program('stderr', logs.error);
    await cli.printer.show({ document: logs, human: text(logs.output) });
  });
}
