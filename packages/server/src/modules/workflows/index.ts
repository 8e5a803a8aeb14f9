/**
 * Workflows are graphs of nodes over one shared JSON context, kept as immutable versions, and runs of them.
 * Tables: workflow_definitions, workflow_runs, workflow_nodes, workflow_schedules, workflow_schedule_firings. Invariants:
 * what a node came to, what it writes to the context and who becomes ready by it are one transaction under the lock of the
 * run; a node runs at least once and its effect on the run is recorded once, by a fence; a run ends exactly once; a time of a
 * schedule fires once.
 */

export { type Approval, type ApprovalServices, approvalOperations } from './approvals/operations.ts';

export { workflowConstraints } from './constraints.ts';

export { pathText, readPath } from './context/context.ts';
export { Contexts } from './context/contexts.ts';
export type { Definition, DefinitionContent } from './definitions/model.ts';
export { definitionOperations } from './definitions/operations.ts';
export { Engine, type EngineOptions } from './engine/engine.ts';
export { Graphs } from './engine/graphs.ts';
export { RunJanitor } from './engine/janitor.ts';
export { type Progressed, Settler } from './engine/settler.ts';
export type { EndWork } from './engine/stopped-work.ts';
export { nodeErrors } from './errors.ts';
export { Expressions } from './expressions/expressions.ts';
export { followJob } from './jobs/follow.ts';
export type { Job } from './jobs/model.ts';
export { type JobServices, type JobUsage, jobOperations } from './jobs/operations.ts';
export type { ForEach, InputBinding, JsonObject, NodeDefinition, OutputBinding } from './model.ts';
export { type FollowServices, followRun } from './runs/follow.ts';
export { deleteRunsOlderThan } from './runs/jobs.ts';
export type { RunNode, WorkflowRun } from './runs/model.ts';
export { runOperations } from './runs/operations.ts';
export { endRunsOf } from './runs/organization-end.ts';
export { findRun, findRunOwners } from './runs/reads.ts';
export { chatHandler } from './runtimes/chat.ts';
export { codeHandlers } from './runtimes/code.ts';
export { evaluateNode } from './runtimes/evaluate-node.ts';
export { httpHandler } from './runtimes/http.ts';
export { humanHandler } from './runtimes/human.ts';
export { completed, type Handler, type Task } from './runtimes/model.ts';
export { nativeHandlers } from './runtimes/native.ts';
export type { SandboxedServices } from './runtimes/sandboxed.ts';
export { startChild } from './runtimes/start-child.ts';
export { subworkflowHandler } from './runtimes/subworkflow.ts';
export { toolHandlers } from './runtimes/tool.ts';
export { WASI, wasmHandlers } from './runtimes/wasm.ts';
export { fireSchedule } from './schedules/fire.ts';
export { deleteFiringsOlderThan } from './schedules/jobs.ts';
export type { Firing } from './schedules/model.ts';
export {
  type SchedulePatch,
  type ScheduleRequest,
  type ScheduleView,
  scheduleOperations,
} from './schedules/operations.ts';
export { findScheduleOwners } from './schedules/reads.ts';
export { Scheduler, type SchedulerOptions } from './schedules/scheduler.ts';
export type { Tool } from './tools/model.ts';
export { listTools } from './tools/operations.ts';
export { findTool } from './tools/tools.ts';
