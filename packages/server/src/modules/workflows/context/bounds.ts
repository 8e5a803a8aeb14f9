import type { Json } from '../../../kernel/json.ts';
import { contextErrors } from '../errors.ts';
import type { JsonObject } from '../model.ts';

/** Of one node, or item. What is larger belongs in an asset, whose id is passed on. */
const MOST_OUTPUT_BYTES = 1_048_576;
/** Of a run. The context is read and written with each step: a larger one makes every step slow. */
const MOST_CONTEXT_BYTES = 4_194_304;

const bytesOf = (value: Json): number => Buffer.byteLength(JSON.stringify(value));

/** @throws AppError `invalid` (`workflow_context.too_large`) */
export function assertOutputFits(output: Json): void {
  refuseAbove('output', bytesOf(output), MOST_OUTPUT_BYTES);
}

/** @throws AppError `invalid` (`workflow_context.too_large`) */
export function assertContextFits(context: JsonObject): void {
  refuseAbove('context', bytesOf(context), MOST_CONTEXT_BYTES);
}

/** @throws AppError `invalid` (`workflow_context.too_large`) */
export function assertListFits(bytes: number): void {
  refuseAbove('list of what the items gave', bytes, MOST_CONTEXT_BYTES);
}

function refuseAbove(what: string, bytes: number, most: number): void {
  if (bytes <= most) return;
  const kept = 'Keep large values as assets, and pass their ids on.';
  throw contextErrors.too_large(`The ${what} has ${bytes} bytes; it may have ${most}. ${kept}`);
}
