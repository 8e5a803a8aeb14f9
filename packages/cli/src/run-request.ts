import { readFile } from 'node:fs/promises';
import { basename, isAbsolute, normalize, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { EvaluationRequest } from '@assay/sdk';
import type { Cli } from './cli.ts';
import { usageError } from './cli-error.ts';
import { languageOfFile } from './language-of-file.ts';

/** Options of `eval run` that make up what is submitted. */
export type RunOptions = {
  code?: string;
  lang?: string;
  timeout?: number;
  mem?: number;
  cpu?: number;
  processes?: number;
  engine?: string;
  engineStrict?: boolean;
  priority?: number;
  stdin?: string;
  arg?: string[];
  env?: Record<string, string>;
  file?: string[];
  out?: string[];
};

/**
 * Builds a submission from the command line: reads the program, its input and its files.
 * @throws CliError when there is not exactly one program, when its language cannot be told, or a file cannot be read
 */
export async function readRunRequest(
  path: string | undefined,
  options: RunOptions,
  cli: Cli,
): Promise<EvaluationRequest> {
  if ((path === undefined) === (options.code === undefined)) {
    throw usageError('Give one program: a FILE (- for standard input), or -c CODE.');
  }
  if (path === '-' && options.stdin === '-')
    throw usageError('Standard input can be the program or its input, not both.');
  const language = options.lang ?? guessLanguage(path);
  const readText = async (file: string): Promise<string> => decode(await readBytes(file, cli), file);
  return {
    code: options.code ?? (await readText(path ?? '-')),
    language,
    ...given({
      timeout: options.timeout,
      memory_mb: options.mem,
      cpu: options.cpu,
      processes: options.processes,
      engine: options.engine,
      engine_strict: options.engineStrict,
      priority: options.priority,
      args: options.arg,
      env: options.env,
      outputs: options.out,
      stdin: options.stdin === undefined ? undefined : await readText(options.stdin),
      files: options.file && (await Promise.all(options.file.map((file) => readFileFor(file, cli)))),
    }),
  };
}

function guessLanguage(path: string | undefined): string {
  const guessed = path === undefined ? null : languageOfFile(path);
  if (guessed !== null) return guessed;
  const what =
    path === undefined || path === '-'
      ? 'The language cannot be told.'
      : `The ending of ${path} stands for no language.`;
  throw usageError(what, 'Name it: --lang python. `assay eval languages` lists them.');
}

/** `data/in.csv` keeps its path in the sandbox; what lies elsewhere goes to the top; `PATH:NAME` says where. */
async function readFileFor(argument: string, cli: Cli): Promise<{ path: string; content: string }> {
  const [file = '', name] = argument.split(/:(?=[^:]*$)/);
  const local = normalize(file);
  const isBelow = !isAbsolute(local) && !local.startsWith('..');
  return {
    path: name ?? (isBelow ? local : basename(local)),
    content: (await readBytes(file, cli)).toString('base64'),
  };
}

async function readBytes(file: string, { stdin, cwd }: Cli): Promise<Buffer> {
  if (file === '-') return buffer(stdin);
  try {
    return await readFile(resolve(cwd, file));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw usageError(`${file} cannot be read: ${reason}.`, 'Give the path of a file that is there.', error);
  }
}

function decode(bytes: Buffer, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    const what = file === '-' ? 'Standard input' : file;
    throw usageError(`${what} is not UTF-8 text.`, 'Give binary data as a file: --file PATH.', cause);
  }
}

/** Only what was said: the rest is the server's to default. */
function given<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: NonNullable<Fields[Name]> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Fields]?: NonNullable<Fields[Name]> };
}
