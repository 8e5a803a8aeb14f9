/**
 * Evaluations run untrusted code: submitted, queued, dispatched to a runner under a lease, recorded with output and
 * isolation receipt.
 * Tables: evaluations, evaluation_output.
 * Invariants: every accepted evaluation ends in exactly one terminal state; a report counts only under the lease's
 * current fence; terminal is terminal; code never runs without an engine that passed its self-attack.
 */
export { evaluationConstraints } from './constraints.ts';
export { Dispatcher } from './dispatcher.ts';
export { Endings } from './endings.ts';
export { cancelEvaluation, endWorkOf, endWorkOfRuns } from './endings-on-request.ts';
export { deleteEvaluationsOlderThan, Janitor } from './janitor.ts';
export { type Evaluation, type EvaluationRequest, isEnding, isTerminal } from './model.ts';
export { submitForNode } from './operations/submit-for-node.ts';
export { evaluationOperations } from './operations.ts';
export type { OutputChunk } from './output.ts';
export { findEvaluation, findEvaluationOwners, findEvaluationsOfNodes, oldestWait } from './reads.ts';
export type { EvaluationServices } from './services.ts';
