import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Cli } from './cli.ts';
import { usageError } from './cli-error.ts';

/**
 * Reads a JSON document from a file, or from standard input for `-`.
 * @throws CliError when it cannot be read, or is no JSON
 */
export async function readJsonFile(file: string, { stdin, cwd }: Cli): Promise<unknown> {
  const content = file === '-' ? await text(stdin) : await contentOf(resolve(cwd, file), file);
  return parseJson(content, file === '-' ? 'Standard input' : file);
}

/** The value of an option that is JSON itself, or names where JSON is: `@in.json`, `@-` for standard input. */
export const readJsonArgument = (argument: string, cli: Cli): Promise<unknown> =>
  argument.startsWith('@') ? readJsonFile(argument.slice(1), cli) : Promise.resolve(parseJson(argument, 'The input'));

async function contentOf(path: string, file: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw usageError(`${file} cannot be read: ${reason}.`, 'Give the path of a file that is there.', error);
  }
}

function parseJson(content: string, what: string): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw usageError(`${what} is no JSON: ${reason}.`, undefined, error);
  }
}
