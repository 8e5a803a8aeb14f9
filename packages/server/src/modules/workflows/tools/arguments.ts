import type { Json } from '../../../kernel/json.ts';
import { nodeErrors } from '../errors.ts';
import type { JsonObject } from '../model.ts';

/* Values of arguments on their way to a command line. A schema has looked at their types already. */

/** A relative path below the working directory: no empty, `.` or `..` part, no backslash, no control character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses.
export const SAFE_PATH = /^(?!\/)(?!(?:.*\/)?\.{0,2}(?:\/|$))[^\\\u0000-\u001f\u007f]{1,255}$/;

export const PATH: JsonObject = {
  type: 'string',
  pattern: SAFE_PATH.source,
  description: 'A path below the working directory.',
};
export const text = (description: string, maxLength = 10_000): JsonObject => ({
  type: 'string',
  minLength: 1,
  maxLength,
  pattern: '^[^\\u0000]*$',
  description,
});
export const flag = (description: string): JsonObject => ({ type: 'boolean', default: false, description });
export const number = (minimum: number, maximum: number, description: string): JsonObject => ({
  type: 'number',
  minimum,
  maximum,
  description,
});

export const object = (properties: Record<string, JsonObject>, required: readonly string[]): JsonObject => ({
  type: 'object',
  additionalProperties: false,
  required: [...required],
  properties,
});

/** A path as no program takes it for an option, a protocol or something outside of the working directory. */
export function pathOf(value: Json | undefined): string {
  if (typeof value !== 'string' || !SAFE_PATH.test(value))
    throw nodeErrors.bad_input(`${JSON.stringify(value)} is no path below the working directory.`);
  return `./${value}`;
}

/** An option that is there when its value is true. */
export const when = (value: Json | undefined, ...option: string[]): string[] => (value === true ? option : []);

/** An option with its value in one word, so that the value is never read as another option. */
export const valued = (option: string, value: Json | undefined): string[] =>
  value === undefined ? [] : [`${option}=${String(value)}`];
