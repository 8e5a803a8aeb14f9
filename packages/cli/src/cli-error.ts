import { EXIT_CODES } from '@assay/contract/exit-codes';

/** How a run of the command line can end. */
export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

/** A refusal of the command line's own: what was refused, then what to do. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: string;
  readonly exit: ExitCode;
  readonly hint: string | null;

  constructor(message: string, of: { code: string; exit: ExitCode; hint?: string; cause?: unknown }) {
    super(message, of.cause === undefined ? undefined : { cause: of.cause });
    this.code = of.code;
    this.exit = of.exit;
    this.hint = of.hint ?? null;
  }
}

/** The command was not given as it must be. */
export const usageError = (message: string, hint?: string, cause?: unknown): CliError =>
  new CliError(message, { code: 'usage', exit: EXIT_CODES.usage, cause, ...(hint !== undefined && { hint }) });

/** The user ended it. */
export const interrupted = (hint?: string): CliError =>
  new CliError('Interrupted.', {
    code: 'interrupted',
    exit: EXIT_CODES.interrupted,
    ...(hint !== undefined && { hint }),
  });
