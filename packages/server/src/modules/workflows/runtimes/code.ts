import type { EvaluationRequest } from '../../evaluations/index.ts';
import type { Handler, Task } from './model.ts';
import { argumentsInput, environmentInput, filesInput, refuseInput, textInput } from './program-inputs.ts';
import { type AssetReader, evaluationOutput, type OutputForm, type SandboxedServices, sandboxed } from './sandboxed.ts';

/** What a program may use, and how it is confined; as the definition says. */
export type ProgramConfig = {
  engine: string;
  engine_strict: boolean;
  timeout: number;
  memory_mb?: number;
  cpu?: number;
  processes?: number;
  outputs: string[];
  stdout: OutputForm;
};
type CodeConfig = ProgramConfig & { language: string; code?: string };

/** By their operation. */
export const codeHandlers = (services: SandboxedServices): Readonly<Record<string, Handler>> => ({
  evaluate: sandboxed(services, {
    request: codeRequest,
    output: (evaluation, { node }) => evaluationOutput(evaluation, (node.config as CodeConfig).stdout),
  }),
});

async function codeRequest(task: Task, readAsset: AssetReader): Promise<EvaluationRequest> {
  const { input, node } = task;
  const config = node.config as CodeConfig;
  const code = config.code ?? textInput('code', input['code']);
  if (code.trim() === '') refuseInput('code', 'required', 'is blank, and the configuration has no code either');
  return {
    ...programRequest(config),
    code,
    language: config.language,
    stdin: textInput('stdin', input['stdin']),
    args: argumentsInput('args', input['args']),
    env: environmentInput('env', input['env']),
    files: await filesInput(task.input, readAsset),
  };
}

/** What of a request its configuration says, with nothing to run yet. */
export const programRequest = (config: ProgramConfig): EvaluationRequest => ({
  code: '',
  language: '',
  engine: config.engine,
  engineStrict: config.engine_strict,
  timeoutSeconds: config.timeout,
  stdin: '',
  args: [],
  env: {},
  files: [],
  outputs: config.outputs,
  memoryMb: config.memory_mb ?? null,
  cpus: config.cpu ?? null,
  processes: config.processes ?? null,
  priority: 0,
  metadata: {},
});
