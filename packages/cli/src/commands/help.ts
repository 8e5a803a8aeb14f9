import { EXIT_CODES } from '@assay/contract/exit-codes';
import { Argument, type Command } from 'commander';
import type { Cli } from '../cli.ts';
import { VARIABLES } from '../env.ts';
import { addOutputOptions } from '../output-options.ts';
import { table, type View } from '../view.ts';

const MEANING: Record<keyof typeof EXIT_CODES, string> = {
  ok: 'It was done.',
  failed: 'It could not be done; the message says why.',
  usage: 'The command was not given as it must be. Nothing was tried.',
  notFound: 'It is not there, or not yours.',
  unauthenticated: 'There is no credential, or it does not allow this.',
  conflict: 'It clashes with how things stand: a conflict, a precondition, a billing state.',
  limited: 'A rate limit or a budget is used up.',
  unreachable: 'The server cannot be reached, or is not ready.',
  remoteFailed: 'What was waited for has ended, and failed.',
  integrityBroken: 'A log was verified, and something in it was changed.',
  incomplete: 'A log was verified, and something is missing, moved or added.',
  unproven: 'A log was verified, and what would show that it is whole is missing.',
  timedOut: 'What was waited for has run out of time.',
  interrupted: 'You ended it.',
};

const TOPICS: Readonly<Record<string, () => View>> = { 'exit-codes': exitCodes, environment };

export function define(command: Command, cli: Cli): void {
  command.addArgument(new Argument('<topic>', 'what to explain').choices(Object.keys(TOPICS)));
  addOutputOptions(command);
  command.action((topic: string) => {
    const view = TOPICS[topic]?.();
    return view && cli.printer.show(view);
  });
}

function exitCodes(): View {
  const rows = Object.entries(EXIT_CODES).map(([name, code]) => ({
    code,
    name,
    meaning: MEANING[name as keyof typeof EXIT_CODES],
  }));
  return {
    document: { exit_codes: rows },
    human: table(
      ['code', 'meaning'],
      rows.map(({ code, meaning }) => [code, meaning]),
      '',
    ),
  };
}

function environment(): View {
  return {
    document: { variables: VARIABLES.map(([name, meaning]) => ({ name, meaning })) },
    human: table(['variable', 'meaning'], VARIABLES, ''),
  };
}
