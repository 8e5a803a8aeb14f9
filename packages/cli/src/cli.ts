import type { Environment } from './env.ts';
import type { Printer } from './printer.ts';
import type { Terminal } from './terminal.ts';

/** What every command is given. */
export type Cli = Pick<Terminal, 'stdin' | 'signal' | 'cwd'> & {
  environment: Environment;
  printer: Printer;
  /** How the run ends when nothing is thrown. */
  exit: number;
};
