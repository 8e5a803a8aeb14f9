import { AppError, type FieldFault } from '../../../kernel/errors.ts';
import type { Expressions } from '../expressions/expressions.ts';
import type { JsonObject, NodeDefinition } from '../model.ts';
import { WASI } from '../runtimes/wasm.ts';
import { findTool, withoutRequired } from '../tools/tools.ts';

/** What a node needs that its definition does not say in `requires`, and which field asks for it. */
export function needOf({ runtime, operation, config }: NodeDefinition): { capability: string; field: string } | null {
  switch (runtime) {
    case 'code':
      return { capability: `language:${String(config['language'])}`, field: 'config.language' };
    case 'tool':
      return { capability: findTool(operation)?.program ?? operation, field: 'operation' };
    case 'wasm':
      return { capability: WASI, field: 'runtime' };
    default:
      return null;
  }
}

/** What is wrong with the arguments that a tool is given by its configuration; others may come with an input. */
export async function argumentFaults(
  { operation, config, inputs }: NodeDefinition,
  index: number,
  expressions: Pick<Expressions, 'misfits'>,
): Promise<FieldFault[]> {
  const tool = findTool(operation);
  if (!tool) return [];
  const values = config['arguments'] as JsonObject;
  const isWhole = !inputs.some(({ name }) => name === 'arguments');
  const field = `nodes.${index}.config.arguments`;
  const faults = await expressions.misfits(isWhole ? tool.schema : withoutRequired(tool.schema), values, field);
  if (faults.length > 0 || !isWhole) return faults;
  try {
    tool.argv(values);
    return [];
  } catch (thrown) {
    if (thrown instanceof AppError) return [{ field, constraint: 'arguments', message: thrown.message }];
    throw thrown;
  }
}
