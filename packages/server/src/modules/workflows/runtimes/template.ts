import { nodeErrors } from '../errors.ts';
import type { JsonObject } from '../model.ts';

const PLACE = /\{\{\s*([\w.-]{1,100})\s*\}\}/g;

/** The inputs that a template names. */
export const placesIn = (template: string): ReadonlySet<string> =>
  new Set([...template.matchAll(PLACE)].map(([, name]) => name ?? ''));

/**
 * A template with its inputs in their places: text as it is, everything else as JSON.
 * @throws AppError `invalid` for an input that is not there
 */
export function filled(template: string, input: JsonObject): string {
  return template.replace(PLACE, (_place, name: string) => {
    if (!Object.hasOwn(input, name))
      throw nodeErrors.no_input(`There is no input "${name}" to fill the template with.`);
    const value = input[name];
    return typeof value === 'string' ? value : JSON.stringify(value);
  });
}
