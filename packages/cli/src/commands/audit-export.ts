import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import { openExport } from '../audit/log-source.ts';
import type { Cli } from '../cli.ts';
import { addOutputOptions } from '../output-options.ts';
import { fields } from '../view.ts';

type Options = { output?: string; log: string };

export function define(command: Command, cli: Cli): void {
  command
    .option('-o, --output <file>', 'write it there instead of to standard output')
    .addOption(new Option('--log <log>', 'which log').choices(['organization', 'installation']).default('organization'))
    .addHelpText(
      'after',
      '\nOne JSON object a line: a header, the entries, the signed checkpoint. Verify it with `assay audit verify FILE`.',
    );
  addOutputOptions(command);
  command.action(async ({ output, log }: Options) => {
    const body = await openExport(cli, log);
    if (output === undefined) {
      for await (const chunk of body) await cli.printer.bytes(chunk);
      return;
    }
    const file = resolve(cli.cwd, output);
    await pipeline(body, createWriteStream(file, { mode: 0o600 }), { signal: cli.signal });
    await cli.printer.show({ document: { file }, human: fields(['file', file]) });
  });
}
