import type { Json } from '../../../kernel/json.ts';
import { contextErrors } from '../errors.ts';
import type { JsonObject } from '../model.ts';

/** Of one node, or item. What is larger belongs in an asset, whose id is passed on. */
const MOST_OUTPUT_BYTES = 1_048_576;
/** Of what items gave in all, which is the output of a node. */
const MOST_LIST_BYTES = 4_194_304;
/** Of what a run is given. */
const MOST_INPUT_BYTES = 4_194_304;
/** Of a run. The context is read and written with each step: a larger one makes every step slow. */
const MOST_CONTEXT_BYTES = 33_554_432;

export const textOf = (value: Json): string => JSON.stringify(value);
const bytesOf = (value: Json): number => Buffer.byteLength(textOf(value));

/** Sizes of contexts, which never change in place. */
const measured = new WeakMap<JsonObject, number>();

export function contextBytes(context: JsonObject): number {
  const known = measured.get(context);
  if (known !== undefined) return known;
  const bytes = bytesOf(context);
  measured.set(context, bytes);
  return bytes;
}

/** @throws AppError `invalid` (`workflow_context.too_large`) */
export function assertOutputFits(output: Json): void {
  refuseAbove('output', bytesOf(output), MOST_OUTPUT_BYTES);
}

/** @throws AppError `invalid` (`workflow_context.too_large`) */
export function assertContextFits(context: JsonObject): void {
  refuseAbove('context', contextBytes(context), MOST_CONTEXT_BYTES);
}

/** @throws AppError `invalid` (`workflow_context.too_large`) */
export function assertListFits(bytes: number): void {
  refuseAbove('list of what the items gave', bytes, MOST_LIST_BYTES);
}

/** @throws AppError `invalid` (`workflow_context.too_large`) */
export function assertInputFits(input: JsonObject): void {
  refuseAbove('input', bytesOf(input), MOST_INPUT_BYTES);
}

function refuseAbove(what: string, bytes: number, most: number): void {
  if (bytes <= most) return;
  const kept = 'Keep large values as assets, and pass their ids on.';
  throw contextErrors.too_large(`The ${what} has ${bytes} bytes; it may have ${most}. ${kept}`);
}
