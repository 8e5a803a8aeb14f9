import { nodeErrors } from '../errors.ts';
import type { JsonObject } from '../model.ts';

const PLACE = /\{\{\s*(secret:)?([\w.-]{1,100})\s*\}\}/g;

/** What a template names: inputs and secrets. */
export function placesIn(template: string): { inputs: ReadonlySet<string>; secrets: ReadonlySet<string> } {
  const places = [...template.matchAll(PLACE)];
  const named = (isSecret: boolean): Set<string> =>
    new Set(places.filter(([, secret]) => (secret !== undefined) === isSecret).map(([, , name]) => name ?? ''));
  return { inputs: named(false), secrets: named(true) };
}

export type Filling = {
  input: JsonObject;
  /** Values of secrets by their names; none where a template may not name any. */
  secrets?: ReadonlyMap<string, string>;
  /** How an input is written. */
  encode?(text: string): string;
};

/**
 * A template with its inputs in their places: text as it is, everything else as JSON. What is filled in is not a template
 * again.
 * @throws AppError `invalid` for what is not there
 */
export function filled(template: string, { input, secrets, encode = (text) => text }: Filling): string {
  return template.replace(PLACE, (_place, secret: string | undefined, name: string) => {
    const value = secret === undefined ? textOf(input, name) : secrets?.get(name);
    if (value === undefined)
      throw nodeErrors.no_input(`There is no ${secret ?? 'input '}${name} to fill the template with.`);
    return secret === undefined ? encode(value) : value;
  });
}

function textOf(input: JsonObject, name: string): string | undefined {
  if (!Object.hasOwn(input, name)) return undefined;
  const value = input[name];
  return typeof value === 'string' ? value : JSON.stringify(value);
}
