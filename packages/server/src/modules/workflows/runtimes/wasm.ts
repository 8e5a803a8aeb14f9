import { createHash } from 'node:crypto';
import type { EvaluationRequest } from '../../evaluations/index.ts';
import { type ProgramConfig, programRequest } from './code.ts';
import type { Handler, Task } from './model.ts';
import { argumentsInput, bytesInput, environmentInput, filesInput, refuseInput, textInput } from './program-inputs.ts';
import { type AssetReader, evaluationOutput, type SandboxedServices, sandboxed } from './sandboxed.ts';

type WasmConfig = ProgramConfig & { asset_id?: string; sha256?: string };

/** What runs modules, as runners offer it. */
export const WASI = 'tool:wasi';
/** Where the module lies in the working directory. */
const MODULE_PATH = 'module.wasm';
/** `\0asm`, with which every module begins. */
const MAGIC = Buffer.from([0x00, 0x61, 0x73, 0x6d]);

/** By their operation. */
export const wasmHandlers = (services: SandboxedServices): Readonly<Record<string, Handler>> => ({
  run_module: sandboxed(services, {
    request: wasmRequest,
    output: (evaluation, { node }) => evaluationOutput(evaluation, (node.config as WasmConfig).stdout),
  }),
});

async function wasmRequest(task: Task, readAsset: AssetReader): Promise<EvaluationRequest> {
  const { input, node } = task;
  const config = node.config as WasmConfig;
  const given = config.asset_id === undefined ? (input['module'] ?? null) : { asset_id: config.asset_id };
  const module = await bytesInput('module', given, readAsset);
  if (!module.subarray(0, MAGIC.length).equals(MAGIC)) refuseInput('module', 'wasm', 'is no WebAssembly module');
  if (config.sha256 !== undefined && createHash('sha256').update(module).digest('hex') !== config.sha256)
    refuseInput('module', 'sha256', 'is not the module of that SHA-256');
  const files = await filesInput(input, readAsset, { path: MODULE_PATH, content: module });
  return {
    ...programRequest(config),
    language: WASI,
    stdin: textInput('stdin', input['stdin']),
    args: argumentsInput('args', input['args']),
    env: environmentInput('env', input['env']),
    files,
  };
}
