import type { EvaluationRequest } from '../../evaluations/index.ts';
import { nodeErrors } from '../errors.ts';
import type { Expressions } from '../expressions/expressions.ts';
import type { JsonObject } from '../model.ts';
import { findTool, TOOLS } from '../tools/tools.ts';
import { type ProgramConfig, programRequest } from './code.ts';
import type { Handler, Task } from './model.ts';
import { filesInput, objectInput, textInput } from './program-inputs.ts';
import { type AssetReader, evaluationOutput, type SandboxedServices, sandboxed } from './sandboxed.ts';

type ToolConfig = ProgramConfig & { arguments: JsonObject };
type ToolServices = SandboxedServices & { expressions: Pick<Expressions, 'misfits'> };

const toolOf = ({ operation }: Task['node']) => {
  const tool = findTool(operation);
  if (!tool) throw nodeErrors.unknown_operation(`There is no tool "${operation}".`);
  return tool;
};

/** By their operation. */
export const toolHandlers = (services: ToolServices): Readonly<Record<string, Handler>> => {
  const handler = sandboxed(services, {
    request: (task, readAsset) => toolRequest(task, readAsset, services),
    accepts: (exitCode, { node }) => toolOf(node).accepts?.(exitCode) ?? false,
    output: (evaluation, { node }) => evaluationOutput(evaluation, (node.config as ToolConfig).stdout),
  });
  return Object.fromEntries(TOOLS.map(({ operation }) => [operation, handler]));
};

async function toolRequest(task: Task, readAsset: AssetReader, services: ToolServices): Promise<EvaluationRequest> {
  const { input, node } = task;
  const config = node.config as ToolConfig;
  const tool = toolOf(node);
  const values = { ...config.arguments, ...objectInput('arguments', input['arguments']) };
  const faults = await services.expressions.misfits(tool.schema, values, 'arguments');
  if (faults.length > 0) throw nodeErrors.bad_input(`The arguments do not fit "${tool.operation}".`, { faults });
  return {
    ...programRequest(config),
    code: tool.code?.(values) ?? '',
    language: tool.program,
    args: tool.argv(values),
    stdin: textInput('stdin', input['stdin']),
    files: await filesInput(input, readAsset),
  };
}
