import { AppError } from '../../../kernel/errors.ts';
import { assertOutputFits } from '../context/bounds.ts';
import { bindInputs } from '../context/context.ts';
import type { JsonObject, NodeDefinition } from '../model.ts';
import { INSTANT, isInstant } from '../runtimes/instant.ts';
import { failed } from './failed.ts';
import type { Result } from './model.ts';

/** Nodes of a run that are made in one transaction; others that became ready are handed over, or left to the queue. */
export const MOST_INSTANT = 200;

/** What a node comes to that waits for nothing; null for one that needs a worker. */
export function attemptInstantly(node: NodeDefinition, context: JsonObject): Result | null {
  const make = isInstant(node) ? INSTANT[node.operation] : undefined;
  if (make === undefined) return null;
  try {
    const result = make(node, bindInputs(node.inputs, context, null));
    if (result.kind === 'completed') assertOutputFits(result.output);
    return result;
  } catch (thrown) {
    // What nobody expected is for a worker to find, which tells of it.
    return thrown instanceof AppError ? failed(thrown) : null;
  }
}
