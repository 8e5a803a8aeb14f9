import type { FieldFault } from '../../../kernel/errors.ts';
import type { Json } from '../../../kernel/json.ts';
import type { EvaluationRequest } from '../../evaluations/index.ts';
import { nodeErrors } from '../errors.ts';
import type { JsonObject } from '../model.ts';
import { SAFE_PATH } from '../tools/arguments.ts';
import type { AssetReader } from './sandboxed.ts';

/* What a program is given, read from the inputs of its node: bounded and checked as a submission over HTTP is. */

const MAX_TEXT_BYTES = 1 << 20;
const MAX_ARGUMENTS = 100;
const MAX_ARGUMENT_LENGTH = 10_000;
const MAX_VARIABLES = 100;
const MAX_FILES = 50;
/** All files of one program; they travel to the runner in one message. */
const MAX_FILES_BYTES = 8 << 20;

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** @throws AppError `invalid`, naming the input */
export function refuseInput(name: string, constraint: string, message: string): never {
  const faults: FieldFault[] = [{ field: `inputs.${name}`, constraint, message }];
  throw nodeErrors.bad_input(`The input "${name}" ${message}.`, { faults });
}

/** A text for a program: itself, or what is no text as JSON. Empty where there is none. */
export function textInput(name: string, value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (Buffer.byteLength(text) > MAX_TEXT_BYTES) refuseInput(name, 'max', 'is longer than 1 MiB');
  return withoutNul(name, text);
}

export function argumentsInput(name: string, value: Json | undefined): string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return refuseInput(name, 'type', 'is no list');
  if (value.length > MAX_ARGUMENTS) refuseInput(name, 'max', `has more than ${MAX_ARGUMENTS} items`);
  return value.map((each, index) => scalar(`${name}.${index}`, each));
}

export function environmentInput(name: string, value: Json | undefined): Record<string, string> {
  const entries = entriesOf(name, value);
  if (entries.length > MAX_VARIABLES) refuseInput(name, 'max', `has more than ${MAX_VARIABLES} names`);
  return Object.fromEntries(
    entries.map(([variable, text]) => {
      if (!VARIABLE.test(variable)) refuseInput(`${name}.${variable}`, 'pattern', 'cannot be the name of a variable');
      return [variable, scalar(`${name}.${variable}`, text)];
    }),
  );
}

/** Files by their paths: a text, `{base64}` or `{asset_id}`; `own` are there beside them. */
export async function filesInput(
  input: JsonObject,
  readAsset: AssetReader,
  ...own: { path: string; content: Buffer }[]
): Promise<EvaluationRequest['files']> {
  const entries = entriesOf('files', input['files']);
  if (entries.length > MAX_FILES) refuseInput('files', 'max', `has more than ${MAX_FILES} files`);
  const files = own.map(({ path, content }) => ({ path, content: content.toString('base64') }));
  let room = own.reduce((left, { content }) => left - content.length, MAX_FILES_BYTES);
  if (room < 0) refuseInput('files', 'max', 'holds more than 8 MiB');
  for (const [path, given] of entries) {
    const name = `files.${path}`;
    if (!SAFE_PATH.test(path)) refuseInput(name, 'path', 'is no path below the working directory');
    const content = await bytesInput(name, given, readAsset);
    room -= content.length;
    if (room < 0) refuseInput('files', 'max', 'holds more than 8 MiB');
    files.push({ path, content: content.toString('base64') });
  }
  return files;
}

/** Bytes of a text, `{base64}` or `{asset_id}`. */
export async function bytesInput(name: string, given: Json, readAsset: AssetReader): Promise<Buffer> {
  if (typeof given === 'string') return Buffer.from(given, 'utf8');
  const { base64, asset_id: asset } = objectOf(name, given);
  if (typeof base64 === 'string' && asset === undefined) return Buffer.from(base64, 'base64');
  if (typeof asset === 'string' && base64 === undefined) return readAsset(asset, MAX_FILES_BYTES);
  return refuseInput(name, 'type', 'is no text, `{base64}` or `{asset_id}`');
}

export const objectInput = (name: string, value: Json | undefined): JsonObject =>
  value === undefined || value === null ? {} : objectOf(name, value);

const entriesOf = (name: string, value: Json | undefined): [string, Json][] => Object.entries(objectInput(name, value));

function objectOf(name: string, value: Json): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refuseInput(name, 'type', 'is no object');
  return value;
}

function scalar(name: string, value: Json): string {
  if (typeof value === 'object') refuseInput(name, 'type', 'is no text, number or boolean');
  const text = String(value);
  if (text.length > MAX_ARGUMENT_LENGTH) refuseInput(name, 'max', `is longer than ${MAX_ARGUMENT_LENGTH} characters`);
  return withoutNul(name, text);
}

function withoutNul(name: string, text: string): string {
  if (text.includes('\0')) refuseInput(name, 'pattern', 'has a NUL character in it');
  return text;
}
