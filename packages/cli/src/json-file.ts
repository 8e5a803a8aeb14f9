import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import type { NewWorkflowRun } from '@assay/sdk';
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

/**
 * The value of an option that is a JSON object, or names where one is; an empty one when it was not given.
 * @throws CliError when it is anything else
 */
export async function readJsonObject(argument: string | undefined, cli: Cli): Promise<JsonObject> {
  if (argument === undefined) return {};
  const input = await readJsonArgument(argument, cli);
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw usageError('The input is no JSON object.', 'It looks like {"name": "value"}.');
  return input as JsonObject;
}

type JsonObject = NonNullable<NewWorkflowRun['input']>;

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
