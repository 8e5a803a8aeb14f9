import { EXIT_CODES } from '@assay/contract/exit-codes';
import type { CommanderError } from 'commander';
import { findCommand } from './catalogue.ts';
import type { Cli } from './cli.ts';
import { interrupted, usageError } from './cli-error.ts';
import { readEnvironment, withOptions } from './env.ts';
import { describeFailure } from './failure.ts';
import { type Format, Printer } from './printer.ts';
import type { Terminal } from './terminal.ts';

const TOPICS = ['exit-codes', 'environment'];

/** Runs one command line to its end and gives the exit code. Prints what there is to print, and throws nothing. */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  const environment = readEnvironment(terminal.env);
  // A guess, for errors that come before the options are understood.
  const printer = new Printer(terminal, environment, formatOf({ json: argv.includes('--json') }));
  const { stdin, signal, cwd } = terminal;
  const cli: Cli = { stdin, signal, cwd, environment, printer, exit: EXIT_CODES.ok };
  try {
    await parse(withoutHelpCommand(argv), cli, terminal);
    return cli.exit;
  } catch (thrown) {
    if (isCommanderError(thrown) && thrown.exitCode === 0) return EXIT_CODES.ok;
    const failure = describeFailure(signal.aborted && thrown === signal.reason ? interrupted() : fromCommander(thrown));
    await printer.fail(failure);
    return failure.exit;
  }
}

/** `assay help eval run` asks the same as `assay eval run --help`. */
function withoutHelpCommand(argv: readonly string[]): readonly string[] {
  const [first, ...rest] = argv;
  return first === 'help' && !TOPICS.includes(rest[0] ?? '') ? [...rest, '--help'] : argv;
}

async function parse(argv: readonly string[], cli: Cli, { stdout, stderr }: Terminal): Promise<void> {
  const wanted = findCommand(argv);
  if (wanted && !wanted.load) {
    const { becomeServerProgram } = await import('./server-program.ts');
    return becomeServerProgram(argv, cli.environment);
  }
  const { buildProgram } = await import('./program.ts');
  const program = await buildProgram({
    cli,
    wanted,
    write: { out: (text) => void stdout.write(text), err: (text) => void stderr.write(text) },
    onOptions: (options) => {
      cli.printer.format = formatOf(options);
      cli.environment = withOptions(cli.environment, options);
    },
  });
  await program.parseAsync(argv.length === 0 ? ['--help'] : [...argv], { from: 'user' });
}

function formatOf({ json, jsonl, quiet }: Readonly<Record<string, unknown>>): Format {
  if (json === true) return 'json';
  if (jsonl === true) return 'jsonl';
  return quiet === true ? 'quiet' : 'human';
}

/** The parser's own refusals as ours. */
function fromCommander(thrown: unknown): unknown {
  if (!isCommanderError(thrown)) return thrown;
  if (thrown.code === 'commander.help') return usageError('A command is missing.', 'The help above lists them.');
  const message = thrown.message.replace(/^error: /, '').replace(/^./, (letter) => letter.toUpperCase());
  if (!/--(api-)?(key|token)\b/.test(message))
    return usageError(`${message}.`.replace(/\.\.$/, '.'), 'Add --help to see what it takes.');
  return usageError(
    'A key is not taken as an argument: everybody on this machine could read it.',
    'Set the variable ASSAY_API_KEY, or keep it with `assay login --with-token`, which reads it from standard input.',
  );
}

const isCommanderError = (thrown: unknown): thrown is CommanderError =>
  thrown instanceof Error && 'code' in thrown && String(thrown.code).startsWith('commander.');
