import { Command } from 'commander';
import { CATALOGUE, type CatalogueEntry, GROUPS } from './catalogue.ts';
import type { Cli } from './cli.ts';
import { version } from './version.ts';

const EPILOGUE = `
Sign in with \`assay login\`, or set ASSAY_API_KEY and ASSAY_URL (\`assay help environment\`).
Every command that answers has --json, and ends with a code that says how it went (\`assay help exit-codes\`).`;

export type ProgramOptions = {
  cli: Cli;
  /** The command that is asked for; the only one whose module is loaded. */
  wanted: CatalogueEntry | undefined;
  /** Where help goes that was asked for, and where help that was not. */
  write: { out(text: string): void; err(text: string): void };
  /** Called with the options of the command, before it runs. */
  onOptions(options: Readonly<Record<string, unknown>>): void;
};

/** Builds the parser: names and summaries of all commands, arguments and options of the wanted one. */
export async function buildProgram({ cli, wanted, write, onOptions }: ProgramOptions): Promise<Command> {
  const program = new Command('assay')
    .description('Assay: a self-hosted control plane for AI work.')
    .version(version(), '-V, --version', 'Print the version')
    .helpOption('-h, --help', 'Explain a command')
    .helpCommand(false)
    .addHelpText('after', EPILOGUE)
    .exitOverride()
    .configureOutput({ writeOut: write.out, writeErr: write.err, outputError: () => {} })
    .hook('preAction', (_program, command) => onOptions(command.opts()));
  for (const entry of CATALOGUE) {
    const [first, verb] = entry.words;
    const parent = verb === undefined ? program : groupOf(program, first);
    const command = parent.command(verb ?? first).description(entry.summary);
    if (entry !== wanted || !entry.load) continue;
    (await entry.load()).define(command, cli);
    if (!entry.isLocal) addConnectionOptions(command);
  }
  return program;
}

/** Which server, and as whom. */
const addConnectionOptions = (command: Command): Command =>
  command
    .option('--server <url>', 'where the server is, instead of what is configured')
    .option('--profile <name>', 'a profile to use, whatever the environment says');

function groupOf(program: Command, name: string): Command {
  const existing = program.commands.find((command) => command.name() === name);
  return (
    existing ??
    program
      .command(name)
      .description(GROUPS[name] ?? '')
      .helpCommand(false)
  );
}
