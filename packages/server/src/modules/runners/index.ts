/**
 * Runners knows the processes that execute untrusted code: what each really offers, which are connected here, and
 * which engine serves a request.
 * Table: runners. Invariants: an engine is offered only by a runner whose self-attack it passed; a request is never
 * served by a weaker engine than it asked for.
 */
export { Fleet } from './fleet.ts';
export {
  type LeaseName,
  type OutputPiece,
  type RunnerConnection,
  type RunnerHandler,
  RunnerHub,
  type RunnerLink,
  type RunnerSession,
} from './hub.ts';
export { forgetOldRunners } from './jobs.ts';
export {
  type EngineName,
  type IsolationReceipt,
  isTool,
  type RunnerOffer,
  type RunReason,
  type RunReport,
  type RunSpec,
  requirementsOf,
  resolveEngine,
} from './model.ts';
